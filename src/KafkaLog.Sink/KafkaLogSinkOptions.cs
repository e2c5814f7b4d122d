using System.Diagnostics.CodeAnalysis;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using KafkaLog.Sink.Keys;
using Serilog.Formatting;

namespace KafkaLog.Sink;

/// <summary>How the sink writes. Only the directory and the component are required.</summary>
public sealed record KafkaLogSinkOptions
{
    /// <summary>Where the segments go; created if it is missing. Relative to the current directory at start.</summary>
    public required string Directory { get; init; }

    /// <summary>
    /// The name of the log, as it stands in the names of its segments; kafkafeeder.yaml says which topic the daemon ships it
    /// to.
    /// </summary>
    public required string Component { get; init; }

    /// <summary>How often a new segment begins: whole seconds that divide an hour or a day. Default: an hour, as in the original.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(LogWriterDefaults.IntervalSeconds);

    /// <summary>The size, in bytes, at which a segment rolls before its interval is over. Default: 1 GiB, as in Kafka.</summary>
    public long FileSizeLimitBytes { get; init; } = LogWriterDefaults.FileSizeLimitBytes;

    /// <summary>
    /// How batches are compressed. Default: None, which costs no processor time and needs no native library. Compression pays
    /// only with <see cref="Durability.Buffered"/>: otherwise each event is a batch of its own.
    /// </summary>
    public CompressionType Codec { get; init; } = CompressionType.None;

    /// <summary>
    /// How safe an event is when the logging call returns. Default: Flushed, so that it survives the end of the process, a crash included.
    /// <c>AuditTo</c> is always <see cref="Durability.Synced"/>.
    /// </summary>
    public Durability Durability { get; init; } = Durability.Flushed;

    /// <summary>The property whose value is the record's key; an event without it has no key. Null: no keys.</summary>
    public string? KeyProperty { get; init; }

    /// <summary>
    /// A template such as <c>{Tenant}-{OrderId}</c> for the record's key; an event that lacks one of its properties has
    /// no key. Null: no keys. Cannot be combined with <see cref="KeyProperty"/>.
    /// </summary>
    public string? KeyTemplate { get; init; }

    /// <summary>Renders the record's value. Null: compact JSON (CLEF). A trailing newline is removed: a record is not a line.</summary>
    public ITextFormatter? Formatter { get; init; }

    /// <summary>How long a <see cref="Durability.Buffered"/> event may wait in memory: the most that a crash loses.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(LogWriterDefaults.LingerMilliseconds);

    /// <summary>
    /// The size of a batch, in bytes before compression. Default: 64 KiB, large enough for brokers to accept at full speed.
    /// </summary>
    public int BatchBytes { get; init; } = LogWriterDefaults.BatchBytes;

    /// <summary>How many bytes may wait in memory while the disk is slow or full. Default: 16 MiB, about 60,000 events.</summary>
    public long QueueLimitBytes { get; init; } = LogWriterDefaults.QueueLimitBytes;

    /// <summary>
    /// What happens to an event when the queue is full. Block: the logging call waits while the disk is slow; while the disk
    /// refuses writes, the event is lost and counted. Drop: it is lost and counted at once.
    /// </summary>
    public WhenFull WhenFull { get; init; } = WhenFull.Block;

    /// <summary>
    /// Experimental: it will be removed again. True: a Flushed event costs no system call. The price: whoever truncates the
    /// open segment kills the application, see <see cref="LogWriterOptions.Mapped"/>.
    /// </summary>
    public bool Mapped { get; init; }

    /// <summary>The clock for rolling segments and for limiting messages; events carry their own time.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Every fault of these options, one sentence each.</summary>
    public IReadOnlyList<string> Validate()
    {
        // The writer's options have the same names; here they are parameters.
        var faults = WriterOptions.Validate().Select(fault => char.ToLowerInvariant(fault[0]) + fault[1..]).ToList();
        Check(Enum.IsDefined(Durability), $"durability is {Durability}; it must be Buffered, Flushed or Synced.");
        Check(KeyProperty is null || KeyTemplate is null, "keyProperty and keyTemplate are both given; a record has one key.");
        Check(KeyProperty is null || !string.IsNullOrWhiteSpace(KeyProperty), "keyProperty is empty; it must name a property.");
        Check(KeyTemplate is not "", "keyTemplate is empty; it must name a property such as {OrderId}.");
        if (KeyTemplate is { Length: > 0 } && !RecordKey.IsValidTemplate(KeyTemplate, out var fault))
        {
            faults.Add(fault);
        }

        return faults;

        void Check(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }
    }

    /// <summary>Whether the options work, but not as one may expect.</summary>
    internal bool TryGetWarning(Durability durability, [NotNullWhen(true)] out string? warning)
    {
        warning = Codec == CompressionType.None || durability == Durability.Buffered ? null
            : $"codec {Codec} saves next to nothing with durability {durability}: each event is compressed alone, as a batch of its own, "
                + "which takes processor time and makes it no smaller. Use durability Buffered, which compresses whole batches, or no "
                + "codec.";
        return warning is not null;
    }

    /// <exception cref="ArgumentException">The options are wrong; the message lists every fault.</exception>
    internal void ThrowIfInvalid()
    {
        var faults = Validate();
        if (faults.Count > 0)
        {
            throw new ArgumentException($"The KafkaLog sink cannot be set up: {string.Join(" ", faults)}");
        }
    }

    internal LogWriterOptions ToWriterOptions(Action<LogWriteException> onError) =>
        WriterOptions with { Directory = Path.GetFullPath(Directory), OnError = onError };

    private LogWriterOptions WriterOptions => new()
    {
        Directory = Directory,
        Component = Component,
        Interval = Interval,
        FileSizeLimitBytes = FileSizeLimitBytes,
        Codec = Codec,
        BatchBytes = BatchBytes,
        Linger = Linger,
        QueueLimitBytes = QueueLimitBytes,
        WhenFull = WhenFull,
        Mapped = Mapped,
        TimeProvider = TimeProvider,
    };
}
