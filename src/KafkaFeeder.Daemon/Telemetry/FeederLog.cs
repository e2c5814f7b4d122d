using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Telemetry;

/// <summary>
/// Everything the daemon says. The numbers are stable: 1xx life, 2xx configuration, 3xx shipping, 4xx brokers, 5xx what
/// was not shipped, 6xx cleaning. docs/OPERATIONS.md lists them with what to do.
/// </summary>
internal static partial class FeederLog
{
    [LoggerMessage(101, LogLevel.Information, "kafkafeeder {Version} started: {Configuration}; {Client}")]
    public static partial void Started(ILogger logger, string version, string configuration, string client);

    [LoggerMessage(102, LogLevel.Information, "Stopping: reading stops, waiting up to {Timeout} for acknowledgements")]
    public static partial void Stopping(ILogger logger, TimeSpan timeout);

    [LoggerMessage(103, LogLevel.Information, "Stopped: {Logs} logs, {LagBytes} bytes are left to ship{Missing}{Unknown}")]
    public static partial void Stopped(ILogger logger, int logs, long lagBytes, string missing, string unknown);

    [LoggerMessage(
        104,
        LogLevel.Information,
        "State of {Component} in {Directory}: {State}, {Position}, lag {Lag}, {InFlightBytes} bytes in flight, shipped "
            + "{ShippedRecords} records, possible duplicates {PossibleDuplicates}, rejected {RejectedRecords}; {Error}")]
    public static partial void State(
        ILogger logger,
        string component,
        string directory,
        string state,
        string position,
        string lag,
        long inFlightBytes,
        long shippedRecords,
        long possibleDuplicates,
        long rejectedRecords,
        string error);

    [LoggerMessage(105, LogLevel.Error, "{Loop} failed and is tried again: {Error}")]
    public static partial void LoopFailed(ILogger logger, string loop, string error);

    [LoggerMessage(106, LogLevel.Error, "{Loop} hangs: it has not come round for {Late}; {Others} other loops neither")]
    public static partial void LoopLate(ILogger logger, string loop, TimeSpan late, int others);

    [LoggerMessage(107, LogLevel.Information, "Every loop comes round again")]
    public static partial void LoopsTurn(ILogger logger);

    [LoggerMessage(108, LogLevel.Warning, "The service manager cannot be told anything at NOTIFY_SOCKET: {Problem}")]
    public static partial void NotNotified(ILogger logger, string problem);

    [LoggerMessage(201, LogLevel.Error, "{Fault}")]
    public static partial void ConfigurationFault(ILogger logger, string fault);

    [LoggerMessage(202, LogLevel.Warning, "{Fault}")]
    public static partial void ConfigurationWarning(ILogger logger, string fault);

    [LoggerMessage(203, LogLevel.Information, "Log {Component} in {Directory} goes to topic {Topic} of {Broker}")]
    public static partial void LogAdded(ILogger logger, string component, string directory, string topic, string broker);

    [LoggerMessage(204, LogLevel.Information, "Log {Component} in {Directory} has new settings: topic {Topic} of {Broker}")]
    public static partial void LogChanged(ILogger logger, string component, string directory, string topic, string broker);

    [LoggerMessage(
        205, LogLevel.Information, "Log {Component} in {Directory} is configured no more: it is not shipped, its checkpoint stays")]
    public static partial void LogRemoved(ILogger logger, string component, string directory);

    [LoggerMessage(206, LogLevel.Information, "Reloading on {Signal}")]
    public static partial void Reloading(ILogger logger, string signal);

    [LoggerMessage(
        207,
        LogLevel.Warning,
        "shipper.memory_limit is {Limit}, and {Logs} logs with {Segments} segments need {Needed}: the process will take more than the "
            + "limit")]
    public static partial void MemoryLimitTooSmall(ILogger logger, string limit, int logs, long segments, string needed);

    [LoggerMessage(301, LogLevel.Information, "{Component}: resuming at {Position}; possible duplicates: {Records} records{Where}")]
    public static partial void Resumed(ILogger logger, string component, string position, long records, string where);

    [LoggerMessage(
        302,
        LogLevel.Warning,
        "{Component}: the machine was restarted since the last run, so more may arrive twice than the journal says: at most what was sent "
            + "in the {Interval} before")]
    public static partial void Rebooted(ILogger logger, string component, TimeSpan interval);

    [LoggerMessage(303, LogLevel.Error, "{Problem}")]
    public static partial void CheckpointUnreadable(ILogger logger, string problem);

    [LoggerMessage(304, LogLevel.Error, "{Component}: the checkpoint cannot be saved, so nothing more is sent until it can: {Error}")]
    public static partial void CheckpointNotSaved(ILogger logger, string component, string error);

    [LoggerMessage(305, LogLevel.Warning, "{Component}: {Segment}: {What}")]
    public static partial void SegmentReset(ILogger logger, string component, string segment, string what);

    [LoggerMessage(306, LogLevel.Error, "{Component}: {Error}; tried again")]
    public static partial void LogFailed(ILogger logger, string component, string error);

    [LoggerMessage(307, LogLevel.Information, "{Component}: shipping goes on")]
    public static partial void Recovered(ILogger logger, string component);

    [LoggerMessage(
        308,
        LogLevel.Warning,
        "{Component}: nobody can tell whether the writer of {Segment} lives (a file system without locks between hosts, or a writer that "
            + "takes none): the segment counts as finished at {FinalAt} if nothing is added to it. So with each such segment of this log")]
    public static partial void WriterUnknown(ILogger logger, string component, string segment, DateTimeOffset finalAt);

    [LoggerMessage(
        309,
        LogLevel.Warning,
        "{Component} in {Directory}: {Segments} with {Bytes} not shipped are missing: they are lost if they are not back by {Until}. Is the "
            + "directory mounted?")]
    public static partial void SegmentsMissing(
        ILogger logger, string component, string directory, string segments, string bytes, DateTimeOffset until);

    [LoggerMessage(
        310,
        LogLevel.Warning,
        "{Component} in {Directory}: {Segments} with {Bytes} not shipped were removed while they are read. They are shipped from the open "
            + "files, and lost if kafkafeeder, or the shipping of this log, stops before")]
    public static partial void SegmentsRemoved(ILogger logger, string component, string directory, string segments, string bytes);

    [LoggerMessage(401, LogLevel.Information, "Producer: {Description}")]
    public static partial void ProducerMade(ILogger logger, string description);

    [LoggerMessage(
        402, LogLevel.Error, "The producer for {Group} is broken and is replaced: {Error}; idempotent from now on: {IsIdempotent}")]
    public static partial void ProducerBroken(ILogger logger, string group, string error, bool isIdempotent);

    [LoggerMessage(403, LogLevel.Warning, "Brokers of {Group}: {Kind}: {Error}")]
    public static partial void BrokerTrouble(ILogger logger, string group, string kind, string error);

    [LoggerMessage(404, LogLevel.Debug, "librdkafka for {Group}: {Facility}: {Message}")]
    public static partial void ClientLibrary(ILogger logger, string group, string facility, string message);

    [LoggerMessage(406, LogLevel.Information, "Brokers of {Group}: records are acknowledged again, after {Duration}")]
    public static partial void BrokersAnswer(ILogger logger, string group, string duration);

    [LoggerMessage(
        407,
        LogLevel.Warning,
        "{Topic}: requests of {BatchBytes} bytes are refused as too large; smaller ones are sent (max.message.bytes of the topic?)")]
    public static partial void SmallerRequests(ILogger logger, string topic, int batchBytes);

    [LoggerMessage(405, LogLevel.Warning, "{Component}: {Kind}, tried again in {Wait}: {Error}")]
    public static partial void NotAcknowledged(ILogger logger, string component, string kind, TimeSpan wait, string error);

    [LoggerMessage(450, LogLevel.Error, "{Count} more faults in the configuration of logs are not listed here; kafkafeeder status shows "
        + "more of them")]
    public static partial void MoreFaults(ILogger logger, int count);

    [LoggerMessage(451, LogLevel.Warning, "{Segments}: they are not shipped. Name the component in a kafkafeeder.yaml, or move them away")]
    public static partial void Unclaimed(ILogger logger, string segments);

    [LoggerMessage(452, LogLevel.Warning, "{Segment} {What}")]
    public static partial void SegmentKept(ILogger logger, string segment, string what);

    [LoggerMessage(453, LogLevel.Warning, "status.listen {Address} cannot be had: {Problem}. The daemon ships without its page, and "
        + "tries again every minute")]
    public static partial void StatusUnavailable(ILogger logger, string address, string problem);

    [LoggerMessage(454, LogLevel.Information, "The status is at {Address} now")]
    public static partial void StatusAvailable(ILogger logger, string address);

    [LoggerMessage(455, LogLevel.Warning, "The socket {Path} cannot be had: {Problem}. kafkafeeder status and health go to status.listen "
        + "instead")]
    public static partial void SocketUnavailable(ILogger logger, string path, string problem);

    [LoggerMessage(
        501,
        LogLevel.Warning,
        "{Segment}: torn tail, positions {Position} to {EndPosition}: the start of a batch, of which the rest was not written before its "
            + "writer died, or was cut off; passed until the rest comes")]
    public static partial void TornTail(ILogger logger, string segment, long position, long endPosition);

    [LoggerMessage(502, LogLevel.Error, "{Segment}: damaged, positions {Position} to {EndPosition}: {Reason}; {Copied}; passed")]
    public static partial void Damage(ILogger logger, string segment, long position, long endPosition, string reason, string copied);

    [LoggerMessage(503, LogLevel.Critical, "{Segment}: LOST, positions {Position} to {EndPosition}: {Reason}")]
    public static partial void Lost(ILogger logger, string segment, long position, long endPosition, string reason);

    [LoggerMessage(
        504,
        LogLevel.Error,
        "{Component}: {Segment}: the record at offset {Offset} is refused by the brokers for good ({Reason}); it is in quarantine")]
    public static partial void Rejected(ILogger logger, string component, string segment, long offset, string reason);

    [LoggerMessage(
        505,
        LogLevel.Error,
        "{Component} in {Directory}: {Count} more records were refused by the brokers for good; they are in quarantine, and each is in "
            + "ledger.jsonl")]
    public static partial void RejectedMore(ILogger logger, string component, string directory, long count);

    [LoggerMessage(506, LogLevel.Error, "Quarantine is full: {Reason}")]
    public static partial void QuarantineFull(ILogger logger, string reason);

    [LoggerMessage(507, LogLevel.Information, "There is room in quarantine again: {Bytes} bytes of {LimitBytes} are taken")]
    public static partial void QuarantineHasRoom(ILogger logger, long bytes, long limitBytes);

    [LoggerMessage(601, LogLevel.Information, "Cleaned {Segment}: shipped, and last written {Age} ago")]
    public static partial void Cleaned(ILogger logger, string segment, TimeSpan age);

    [LoggerMessage(602, LogLevel.Error, "{Segment} cannot be deleted: {Error}")]
    public static partial void NotCleaned(ILogger logger, string segment, string error);

    [LoggerMessage(603, LogLevel.Warning, "The clock has jumped by {Jump}: nothing is cleaned this time")]
    public static partial void CleaningPaused(ILogger logger, TimeSpan jump);
}
