using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using KafkaLog.Sink;
using Serilog.Configuration;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace Serilog;

/// <summary>
/// <c>WriteTo.KafkaLog</c> and <c>AuditTo.KafkaLog</c>. The flat parameters can be set from appsettings.json;
/// <see cref="KafkaLogSinkOptions"/> explains them and their defaults.
/// </summary>
public static class KafkaLogLoggerConfigurationExtensions
{
    /// <summary>Writes events to segments in Kafka's log format. Never throws into the application.</summary>
    /// <param name="sinks">WriteTo.</param>
    /// <param name="directory">Where the segments go.</param>
    /// <param name="component">The name of the log, as it stands in the names of its segments.</param>
    /// <param name="intervalSeconds">How often a new segment begins, in seconds; divides an hour or a day.</param>
    /// <param name="fileSizeLimitBytes">The size, in bytes, at which a segment rolls before its interval is over.</param>
    /// <param name="codec">How batches are compressed.</param>
    /// <param name="durability">How safe an event is when the logging call returns.</param>
    /// <param name="keyProperty">The property whose value is the record's key.</param>
    /// <param name="keyTemplate">A template for the record's key.</param>
    /// <param name="formatter">Renders the record's value. Null: compact JSON.</param>
    /// <param name="whenFull">What happens to an event when the queue is full.</param>
    /// <param name="queueLimitBytes">How many bytes may wait in memory.</param>
    /// <param name="batchBytes">The size of a batch, in bytes before compression.</param>
    /// <param name="lingerMilliseconds">How long a Buffered event may wait in memory.</param>
    /// <param name="mapped">Experimental, see <see cref="KafkaLogSinkOptions.Mapped"/>: a Flushed event costs no system call.</param>
    /// <param name="restrictedToMinimumLevel">Events below it are not written.</param>
    /// <param name="levelSwitch">Like the minimum level, but it can be changed at run time.</param>
    /// <exception cref="ArgumentException">The settings are wrong; the message lists every fault.</exception>
    public static LoggerConfiguration KafkaLog(
        this LoggerSinkConfiguration sinks,
        string directory,
        string component,
        int intervalSeconds = LogWriterDefaults.IntervalSeconds,
        long fileSizeLimitBytes = LogWriterDefaults.FileSizeLimitBytes,
        CompressionType codec = CompressionType.None,
        Durability durability = Durability.Flushed,
        string? keyProperty = null,
        string? keyTemplate = null,
        ITextFormatter? formatter = null,
        WhenFull whenFull = WhenFull.Block,
        long queueLimitBytes = LogWriterDefaults.QueueLimitBytes,
        int batchBytes = LogWriterDefaults.BatchBytes,
        int lingerMilliseconds = LogWriterDefaults.LingerMilliseconds,
        bool mapped = false,
        LogEventLevel restrictedToMinimumLevel = LevelAlias.Minimum,
        LoggingLevelSwitch? levelSwitch = null) => sinks.KafkaLog(
        new KafkaLogSinkOptions
        {
            Directory = directory,
            Component = component,
            Interval = TimeSpan.FromSeconds(intervalSeconds),
            FileSizeLimitBytes = fileSizeLimitBytes,
            Codec = codec,
            Durability = durability,
            KeyProperty = keyProperty,
            KeyTemplate = keyTemplate,
            Formatter = formatter,
            WhenFull = whenFull,
            QueueLimitBytes = queueLimitBytes,
            BatchBytes = batchBytes,
            Linger = TimeSpan.FromMilliseconds(lingerMilliseconds),
            Mapped = mapped,
        },
        restrictedToMinimumLevel,
        levelSwitch);

    /// <summary>Writes events to segments in Kafka's log format. Never throws into the application.</summary>
    /// <param name="sinks">WriteTo.</param>
    /// <param name="options">How the sink writes.</param>
    /// <param name="restrictedToMinimumLevel">Events below it are not written.</param>
    /// <param name="levelSwitch">Like the minimum level, but it can be changed at run time.</param>
    /// <exception cref="ArgumentException">The options are wrong; the message lists every fault.</exception>
    public static LoggerConfiguration KafkaLog(
        this LoggerSinkConfiguration sinks,
        KafkaLogSinkOptions options,
        LogEventLevel restrictedToMinimumLevel = LevelAlias.Minimum,
        LoggingLevelSwitch? levelSwitch = null)
    {
        ArgumentNullException.ThrowIfNull(sinks);
        return sinks.Sink(new KafkaLogSink(options), restrictedToMinimumLevel, levelSwitch);
    }

    /// <summary>Writes each event to the disk before the logging call returns, and throws if that fails.</summary>
    /// <param name="sinks">AuditTo.</param>
    /// <param name="directory">Where the segments go.</param>
    /// <param name="component">The name of the log, as it stands in the names of its segments.</param>
    /// <param name="intervalSeconds">How often a new segment begins, in seconds; divides an hour or a day.</param>
    /// <param name="fileSizeLimitBytes">The size, in bytes, at which a segment rolls before its interval is over.</param>
    /// <param name="codec">How batches are compressed.</param>
    /// <param name="keyProperty">The property whose value is the record's key.</param>
    /// <param name="keyTemplate">A template for the record's key.</param>
    /// <param name="formatter">Renders the record's value. Null: compact JSON.</param>
    /// <param name="restrictedToMinimumLevel">Events below it are not written.</param>
    /// <param name="levelSwitch">Like the minimum level, but it can be changed at run time.</param>
    /// <exception cref="ArgumentException">The settings are wrong; the message lists every fault.</exception>
    public static LoggerConfiguration KafkaLog(
        this LoggerAuditSinkConfiguration sinks,
        string directory,
        string component,
        int intervalSeconds = LogWriterDefaults.IntervalSeconds,
        long fileSizeLimitBytes = LogWriterDefaults.FileSizeLimitBytes,
        CompressionType codec = CompressionType.None,
        string? keyProperty = null,
        string? keyTemplate = null,
        ITextFormatter? formatter = null,
        LogEventLevel restrictedToMinimumLevel = LevelAlias.Minimum,
        LoggingLevelSwitch? levelSwitch = null) => sinks.KafkaLog(
        new KafkaLogSinkOptions
        {
            Directory = directory,
            Component = component,
            Interval = TimeSpan.FromSeconds(intervalSeconds),
            FileSizeLimitBytes = fileSizeLimitBytes,
            Codec = codec,
            KeyProperty = keyProperty,
            KeyTemplate = keyTemplate,
            Formatter = formatter,
        },
        restrictedToMinimumLevel,
        levelSwitch);

    /// <summary>Writes each event to the disk before the logging call returns, and throws if that fails.</summary>
    /// <param name="sinks">AuditTo.</param>
    /// <param name="options">How the sink writes. The durability is Synced, whatever the options say.</param>
    /// <param name="restrictedToMinimumLevel">Events below it are not written.</param>
    /// <param name="levelSwitch">Like the minimum level, but it can be changed at run time.</param>
    /// <exception cref="ArgumentException">The options are wrong; the message lists every fault.</exception>
    public static LoggerConfiguration KafkaLog(
        this LoggerAuditSinkConfiguration sinks,
        KafkaLogSinkOptions options,
        LogEventLevel restrictedToMinimumLevel = LevelAlias.Minimum,
        LoggingLevelSwitch? levelSwitch = null)
    {
        ArgumentNullException.ThrowIfNull(sinks);
        ArgumentNullException.ThrowIfNull(options);
        return sinks.Sink(new KafkaLogAuditSink(options), restrictedToMinimumLevel, levelSwitch);
    }
}
