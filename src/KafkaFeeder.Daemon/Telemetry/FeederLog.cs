using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Telemetry;

/// <summary>
/// All log events of the daemon. The event ids are stable: 1xx start, stop and loops; 2xx configuration; 3xx shipping; 40x brokers; 45x
/// faults, unclaimed or kept segments and the status page; 5xx records that were not shipped; 6xx cleaning. docs/OPERATIONS.md lists
/// them with what to do.
/// </summary>
internal static partial class FeederLog
{
    [LoggerMessage(101, LogLevel.Information, "kafkafeeder {Version} started: {Configuration}; {Client}")]
    public static partial void Started(ILogger logger, string version, string configuration, string client);

    [LoggerMessage(102, LogLevel.Information, "Stopping: reading stops, waiting up to {Timeout} for acknowledgements")]
    public static partial void Stopping(ILogger logger, string timeout);

    [LoggerMessage(103, LogLevel.Information, "Stopped. Logs: {Logs}; bytes left to ship: {LagBytes}{Missing}{Unknown}")]
    public static partial void Stopped(ILogger logger, int logs, long lagBytes, string missing, string unknown);

    [LoggerMessage(
        104,
        LogLevel.Information,
        "State of {Component} in {Directory}: {State}, next at {Position}, lag {Lag}, in flight {InFlight}, shipped records "
            + "{ShippedRecords}, possible duplicates {PossibleDuplicates}, refused records {RefusedRecords}; {Error}")]
    public static partial void State(
        ILogger logger,
        string component,
        string directory,
        string state,
        string position,
        string lag,
        string inFlight,
        long shippedRecords,
        long possibleDuplicates,
        long refusedRecords,
        string error);

    [LoggerMessage(105, LogLevel.Error, "{Loop} failed; retrying: {Error}")]
    public static partial void LoopFailed(ILogger logger, string loop, string error);

    [LoggerMessage(106, LogLevel.Error, "Stalled: {Part} has made no progress for {Late}{Others}")]
    public static partial void LoopStalled(ILogger logger, string part, string late, string others);

    [LoggerMessage(107, LogLevel.Information, "All parts of the daemon are making progress again")]
    public static partial void LoopsRecovered(ILogger logger);

    [LoggerMessage(108, LogLevel.Warning, "Cannot notify the service manager at NOTIFY_SOCKET: {Problem}")]
    public static partial void NotNotified(ILogger logger, string problem);

    [LoggerMessage(201, LogLevel.Error, "Configuration fault: {Fault}")]
    public static partial void ConfigurationFault(ILogger logger, string fault);

    [LoggerMessage(202, LogLevel.Warning, "Configuration warning: {Fault}")]
    public static partial void ConfigurationWarning(ILogger logger, string fault);

    [LoggerMessage(203, LogLevel.Information, "Shipping log {Component} in {Directory} to topic {Topic} of {Broker}")]
    public static partial void LogAdded(ILogger logger, string component, string directory, string topic, string broker);

    [LoggerMessage(204, LogLevel.Information, "Log {Component} in {Directory} has new settings: topic {Topic} of {Broker}")]
    public static partial void LogChanged(ILogger logger, string component, string directory, string topic, string broker);

    [LoggerMessage(
        205, LogLevel.Information, "Log {Component} in {Directory} is no longer configured; shipping stopped, checkpoint kept")]
    public static partial void LogRemoved(ILogger logger, string component, string directory);

    [LoggerMessage(206, LogLevel.Information, "Reading every kafkafeeder.yaml again, on {Signal}; changes of conf.yaml need a restart")]
    public static partial void Reloading(ILogger logger, string signal);

    [LoggerMessage(
        207,
        LogLevel.Warning,
        "shipper.memory_limit is {Limit}, and {Logs} with {Segments} need {Needed}: the process will use more than the limit")]
    public static partial void MemoryLimitTooSmall(ILogger logger, string limit, string logs, string segments, string needed);

    [LoggerMessage(301, LogLevel.Information, "{Component}: resuming at {Position}; possible duplicates: {Records} records{Where}")]
    public static partial void Resumed(ILogger logger, string component, string position, long records, string where);

    [LoggerMessage(312, LogLevel.Information, "{Component} is shipped by {Transport}: {Why}")]
    public static partial void TransportChosen(ILogger logger, string component, string transport, string why);

    [LoggerMessage(
        313,
        LogLevel.Error,
        "{Component} in {Directory}: the brokers had acknowledged records and have lost them; at most {Records}. They are not sent again")]
    public static partial void LostByBrokers(ILogger logger, string component, string directory, long records);

    [LoggerMessage(311, LogLevel.Information, "{Component}: what the brokers have is known again: {How}")]
    public static partial void Found(ILogger logger, string component, string how);

    [LoggerMessage(
        302,
        LogLevel.Warning,
        "{Component}: the machine was restarted since the last run, so the journal may miss the last sends: what was sent in the "
            + "{Interval} before the restart may be in the topic twice without being counted")]
    public static partial void Rebooted(ILogger logger, string component, string interval);

    [LoggerMessage(303, LogLevel.Error, "Checkpoint unreadable: {Problem}")]
    public static partial void CheckpointUnreadable(ILogger logger, string problem);

    [LoggerMessage(304, LogLevel.Error, "{Component}: cannot save the checkpoint; nothing more is sent until it is saved: {Error}")]
    public static partial void CheckpointNotSaved(ILogger logger, string component, string error);

    [LoggerMessage(305, LogLevel.Warning, "{Component}: {Segment}: {What}")]
    public static partial void SegmentReset(ILogger logger, string component, string segment, string what);

    [LoggerMessage(306, LogLevel.Error, "{Component}: {Error}; retrying")]
    public static partial void LogFailed(ILogger logger, string component, string error);

    [LoggerMessage(307, LogLevel.Information, "{Component}: recovered; shipping continues")]
    public static partial void Recovered(ILogger logger, string component);

    [LoggerMessage(
        308,
        LogLevel.Warning,
        "{Component}: cannot tell whether the writer of {Segment} is still running (a file system without locks between hosts, or a writer "
            + "that takes no lock): the last, incomplete batch is waited for until {FinalAt}. Logged once for this log")]
    public static partial void WriterUnknown(ILogger logger, string component, string segment, DateTimeOffset finalAt);

    [LoggerMessage(
        309,
        LogLevel.Warning,
        "{Component} in {Directory}: missing: {Segments} with {Bytes} not shipped; lost if not back by {Until}. Is the directory mounted?")]
    public static partial void SegmentsMissing(
        ILogger logger, string component, string directory, string segments, string bytes, DateTimeOffset until);

    [LoggerMessage(
        310,
        LogLevel.Warning,
        "{Component} in {Directory}: removed while being read: {Segments} with {Bytes} not shipped. Shipped from the open files, lost if "
            + "kafkafeeder, or the shipping of this log, stops first")]
    public static partial void SegmentsRemoved(ILogger logger, string component, string directory, string segments, string bytes);

    [LoggerMessage(401, LogLevel.Information, "Created producer: {Description}")]
    public static partial void ProducerMade(ILogger logger, string description);

    [LoggerMessage(
        402, LogLevel.Error, "The producer for {Group} failed for good and is replaced by {Kind} one: {Error}")]
    public static partial void ProducerBroken(ILogger logger, string group, string kind, string error);

    [LoggerMessage(403, LogLevel.Warning, "Brokers of {Group}: {Kind}: {Error}")]
    public static partial void BrokerTrouble(ILogger logger, string group, string kind, string error);

    [LoggerMessage(404, LogLevel.Debug, "librdkafka for {Group}: {Facility}: {Message}")]
    public static partial void ClientLibrary(ILogger logger, string group, string facility, string message);

    [LoggerMessage(405, LogLevel.Warning, "{Component}: not acknowledged, {Kind}; next try in {Wait}: {Error}")]
    public static partial void NotAcknowledged(ILogger logger, string component, string kind, string wait, string error);

    [LoggerMessage(406, LogLevel.Information, "Brokers of {Group}: records are acknowledged again after {Duration}")]
    public static partial void BrokersAnswer(ILogger logger, string group, string duration);

    [LoggerMessage(
        407,
        LogLevel.Warning,
        "{Topic}: requests of {Size} are refused as too large, so smaller ones are sent; max.message.bytes of the topic sets the limit")]
    public static partial void SmallerRequests(ILogger logger, string topic, string size);

    [LoggerMessage(450, LogLevel.Error, "{Count} more in the configuration are not logged; kafkafeeder status shows more of them")]
    public static partial void MoreFaults(ILogger logger, string count);

    [LoggerMessage(
        451, LogLevel.Warning, "{Segments}. They are not shipped until a kafkafeeder.yaml names the component and the files are there")]
    public static partial void Unclaimed(ILogger logger, string segments);

    [LoggerMessage(452, LogLevel.Warning, "{Segment} {What}")]
    public static partial void SegmentKept(ILogger logger, string segment, string what);

    [LoggerMessage(453, LogLevel.Warning, "Cannot listen on status.listen {Address}: {Problem}. Shipping continues without the status "
        + "page; retrying every minute")]
    public static partial void StatusUnavailable(ILogger logger, string address, string problem);

    [LoggerMessage(454, LogLevel.Information, "Status page available at {Address}")]
    public static partial void StatusAvailable(ILogger logger, string address);

    [LoggerMessage(455, LogLevel.Warning, "Cannot create the socket {Path}: {Problem}. kafkafeeder status and health use status.listen "
        + "instead")]
    public static partial void SocketUnavailable(ILogger logger, string path, string problem);

    [LoggerMessage(
        501,
        LogLevel.Warning,
        "{Segment}: torn tail, positions {Position} to {EndPosition} (exclusive): an incomplete batch, because its writer died or the "
            + "file was cut; skipped until the rest is written")]
    public static partial void TornTail(ILogger logger, string segment, long position, long endPosition);

    [LoggerMessage(
        502, LogLevel.Error, "{Segment}: damaged, positions {Position} to {EndPosition} (exclusive): {Reason}; {Copied}; skipped")]
    public static partial void Damage(ILogger logger, string segment, long position, long endPosition, string reason, string copied);

    [LoggerMessage(503, LogLevel.Critical, "{Segment}: LOST, positions {Position} to {EndPosition} (exclusive): {Reason}")]
    public static partial void Lost(ILogger logger, string segment, long position, long endPosition, string reason);

    [LoggerMessage(
        504,
        LogLevel.Error,
        "{Component}: {Segment}: the record at offset {Offset} was refused by the brokers for good ({Reason}); it is in quarantine")]
    public static partial void Rejected(ILogger logger, string component, string segment, long offset, string reason);

    [LoggerMessage(
        505,
        LogLevel.Error,
        "{Component} in {Directory}: {Count} refused by the brokers for good: in quarantine, and each in ledger.jsonl")]
    public static partial void RejectedMore(ILogger logger, string component, string directory, string count);

    [LoggerMessage(506, LogLevel.Error, "Quarantine is full: {Reason}")]
    public static partial void QuarantineFull(ILogger logger, string reason);

    [LoggerMessage(507, LogLevel.Information, "Quarantine has room again: {Used} of {Limit} are used")]
    public static partial void QuarantineHasRoom(ILogger logger, string used, string limit);

    [LoggerMessage(601, LogLevel.Information, "Deleted {Segment}: shipped, and last written {Age} ago")]
    public static partial void Cleaned(ILogger logger, string segment, string age);

    [LoggerMessage(602, LogLevel.Error, "Cannot delete {Segment}: {Error}")]
    public static partial void NotCleaned(ILogger logger, string segment, string error);

    [LoggerMessage(603, LogLevel.Warning, "The clock jumped by {Jump}: nothing is deleted in this round")]
    public static partial void CleaningPaused(ILogger logger, string jump);
}
