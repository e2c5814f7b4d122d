using System.Diagnostics.CodeAnalysis;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using KafkaLog.Sink.Keys;
using Serilog.Formatting;

namespace KafkaLog.Sink;

/// <summary>How the sink writes. Only the directory and the component have to be given.</summary>
public sealed record KafkaLogSinkOptions
{
    /// <summary>Where the segments go; created if it is missing. Relative to the current directory at start.</summary>
    public required string Directory { get; init; }

    /// <summary>The log's name in the names of its segments; the daemon's kafkafeeder.yaml says which topic it goes to.</summary>
    public required string Component { get; init; }

    /// <summary>A new segment each so often; whole seconds that divide an hour or a day. An hour: what the original rolls by.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(LogWriterDefaults.IntervalSeconds);

    /// <summary>The size, in bytes, at which a segment rolls before its time. 1 GiB: Kafka's own default.</summary>
    public long FileSizeLimitBytes { get; init; } = LogWriterDefaults.FileSizeLimitBytes;

    /// <summary>
    /// How batches are compressed. None: no processor time and nothing native in the application. Worth it with
    /// <see cref="Durability.Buffered"/> only: otherwise each event is a batch of its own.
    /// </summary>
    public CompressionType Codec { get; init; } = CompressionType.None;

    /// <summary>
    /// How safe an event is when the logging call returns. Flushed: it survives the process, whatever becomes of that.
    /// <c>AuditTo</c> is always <see cref="Durability.Synced"/>.
    /// </summary>
    public Durability Durability { get; init; } = Durability.Flushed;

    /// <summary>The property whose value is the record's key; an event without it has no key. Null: no keys.</summary>
    public string? KeyProperty { get; init; }

    /// <summary>
    /// A template such as <c>{Tenant}-{OrderId}</c> for the record's key; an event that lacks one of its properties has
    /// no key. Null: no keys. Not together with <see cref="KeyProperty"/>.
    /// </summary>
    public string? KeyTemplate { get; init; }

    /// <summary>Null: compact JSON (CLEF). Another formatter's closing newline is cut off: a record is no line.</summary>
    public ITextFormatter? Formatter { get; init; }

    /// <summary>How long a <see cref="Durability.Buffered"/> event may wait in memory: the most that a crash loses.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(LogWriterDefaults.LingerMilliseconds);

    /// <summary>The size of a batch, in bytes before compression. 64 KiB: large enough for brokers to take at full speed.</summary>
    public int BatchBytes { get; init; } = LogWriterDefaults.BatchBytes;

    /// <summary>The most that waits in memory while the disk is slow or full, in bytes. 16 MiB: some 60,000 events.</summary>
    public long QueueLimitBytes { get; init; } = LogWriterDefaults.QueueLimitBytes;

    /// <summary>
    /// What happens to an event when the queue is full. Block: the logging call waits while the disk is slow; while the
    /// disk refuses to write, the event is lost and counted. Drop: it is lost and counted at once.
    /// </summary>
    public WhenFull WhenFull { get; init; } = WhenFull.Block;

    /// <summary>
    /// Experimental: it will be taken away again. True: a Flushed event costs no system call, see
    /// <see cref="LogWriterOptions.Mapped"/> and the price that is told there: who cuts the open segment shorter ends the
    /// application.
    /// </summary>
    public bool Mapped { get; init; }

    /// <summary>The clock for rolling and for the pace of messages; events carry their own time.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>All that is wrong with these options, a sentence each.</summary>
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

    /// <summary>Whether there is something that works, but not as somebody may expect.</summary>
    internal bool TryGetWarning(Durability durability, [NotNullWhen(true)] out string? warning)
    {
        warning = Codec == CompressionType.None || durability == Durability.Buffered ? null
            : $"codec {Codec} saves next to nothing with durability {durability}: each event is compressed alone, as a batch of its own, "
                + "which takes processor time and makes it no smaller. Use durability Buffered, which compresses whole batches, or no "
                + "codec.";
        return warning is not null;
    }

    /// <exception cref="ArgumentException">The options are wrong; the message says all that is.</exception>
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
