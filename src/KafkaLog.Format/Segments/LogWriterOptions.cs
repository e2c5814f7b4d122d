using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Segments;

/// <summary>How safe a record is when its append returns.</summary>
public enum Durability
{
    /// <summary>In memory; written within the linger. Lost with the process.</summary>
    Buffered,

    /// <summary>Handed to the operating system: survives a crash of the process, not of the machine.</summary>
    Flushed,

    /// <summary>Forced to the disk: survives a crash of the machine.</summary>
    Synced,
}

/// <summary>What an append does when the queue of buffered records is full.</summary>
public enum WhenFull
{
    /// <summary>Waits for room. While the disk refuses writes it throws instead, so that the caller knows.</summary>
    Block,

    /// <summary>Drops the record and counts it.</summary>
    Drop,
}

/// <summary>How a <see cref="LogWriter"/> writes.</summary>
public sealed record LogWriterOptions
{
    /// <summary>Where the segments go; created if it is missing.</summary>
    public required string Directory { get; init; }

    /// <summary>The name of the log, as it stands in the names of its segments.</summary>
    public required string Component { get; init; }

    /// <summary>When segments roll; it divides an hour or a day. Default: an hour, as in the original.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(LogWriterDefaults.IntervalSeconds);

    /// <summary>The size, in bytes, at which a segment rolls before its interval is over. Default: 1 GiB, as in Kafka.</summary>
    public long FileSizeLimitBytes { get; init; } = LogWriterDefaults.FileSizeLimitBytes;

    /// <summary>
    /// The version of the format. 2: record batches. 1 and 0 are for readers older than Kafka 0.11 and 0.10: they have no
    /// headers, 0 has no timestamps, and neither has the identity of the segment, which distinguishes damage from data.
    /// </summary>
    public byte Magic { get; init; } = 2;

    /// <summary>How batches are compressed.</summary>
    public CompressionType Codec { get; init; } = CompressionType.None;

    /// <summary>
    /// The size at which a batch is closed, in bytes before compression. Default: 64 KiB, large enough for brokers to accept
    /// at full speed.
    /// </summary>
    public int BatchBytes { get; init; } = LogWriterDefaults.BatchBytes;

    /// <summary>How long a buffered record may wait for its batch to fill.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(LogWriterDefaults.LingerMilliseconds);

    /// <summary>How many bytes may wait in memory to be written. Default: 16 MiB, seconds of a slow disk.</summary>
    public long QueueLimitBytes { get; init; } = LogWriterDefaults.QueueLimitBytes;

    /// <summary>The largest record that is accepted, in bytes. A broker's default limit is 1 MiB for a whole batch.</summary>
    public int MaxRecordBytes { get; init; } = 32 << 20;

    /// <summary>What happens when <see cref="QueueLimitBytes"/> is reached.</summary>
    public WhenFull WhenFull { get; init; } = WhenFull.Block;

    /// <summary>
    /// Experimental: it will be removed again. True: segments are written through a memory mapping, which makes a
    /// <see cref="Durability.Flushed"/> append several times as fast: copied bytes survive the process without a system call.
    /// Linux with ext4, XFS or tmpfs; elsewhere it changes nothing. The price: if somebody truncates the open segment
    /// (<c>&gt; file</c>), or the file system is shut down under it, the process is killed (SIGBUS); and an open segment, or
    /// one whose writer was killed, ends in up to 1 MiB of zeros.
    /// </summary>
    public bool Mapped { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>
    /// Called with errors that no caller can get: in the background, and when closing. Runs on the writer's thread; it should
    /// not call the writer, and its exceptions are ignored.
    /// </summary>
    public Action<LogWriteException>? OnError { get; init; }

    /// <summary>
    /// Called after failed writes, when all records that waited are written, with their number. Runs on the writer's thread,
    /// like <see cref="OnError"/>.
    /// </summary>
    public Action<long>? OnRecovered { get; init; }

    /// <summary>False: nothing happens by itself; a test calls <see cref="LogWriter.RunOnce"/>.</summary>
    internal bool RunsInBackground { get; init; } = true;

    /// <summary>Every fault of these options, one sentence each, which begins with the name of the option.</summary>
    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        Check(!string.IsNullOrWhiteSpace(Directory), "Directory is empty; it must name where the segments go.");
        Check(SegmentName.IsValidComponent(Component), $"Component is '{Component}'; it must be 1 to 200 of a-z, A-Z, 0-9, '.', '_', '-'.");
        Check(
            RollPolicy.IsValidInterval(Interval),
            $"Interval is {Interval}; it must be whole seconds that divide an hour (3600) or a day (86400).");
        Check(FileSizeLimitBytes > 0, $"FileSizeLimitBytes is {FileSizeLimitBytes}; it must be at least 1.");
        Check(Magic <= 2, $"Magic is {Magic}; it must be 0, 1 or 2.");
        Check(
            Codec == CompressionType.None || CompressionCodecs.For(Codec, Magic) is not null,
            $"Codec is {Codec}, which cannot be written with magic {Magic}.");
        Check(
            !Mapped || Magic == 2,
            $"Mapped is set with magic {Magic}; after the zeros at the end of such a file, damage could not be distinguished from data, so "
                + "it must be magic 2.");
        Check(BatchBytes is >= 1024 and <= 16 << 20, $"BatchBytes is {BatchBytes}; it must be 1 KiB to 16 MiB.");
        Check(Enum.IsDefined(WhenFull), $"WhenFull is {WhenFull}; it must be Block or Drop.");
        Check(Linger >= TimeSpan.Zero && Linger <= TimeSpan.FromMinutes(1), $"Linger is {Linger}; it must be 0 to 1 minute.");
        Check(QueueLimitBytes >= BatchBytes, $"QueueLimitBytes is {QueueLimitBytes}; it must have room for a batch, {BatchBytes} bytes.");
        Check(MaxRecordBytes is >= 1 and <= 64 << 20, $"MaxRecordBytes is {MaxRecordBytes}; it must be 1 byte to 64 MiB.");
        return faults;

        void Check(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }
    }
}

/// <summary>
/// Records could not be written or made durable. They are not reported durable; unless the message says otherwise, they stay
/// queued and are written when the disk accepts writes again.
/// </summary>
public sealed class LogWriteException : IOException
{
    /// <summary>An error that says what failed and where.</summary>
    public LogWriteException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    /// <summary>The same, with what became of the record.</summary>
    public LogWriteException(string message, Exception? cause, RecordState record)
        : base(message, cause)
    {
        Record = record;
    }

    /// <summary>What became of the record whose append failed; it decides whether to append it again.</summary>
    public RecordState Record { get; }
}

/// <summary>What became of a record whose append failed.</summary>
public enum RecordState
{
    /// <summary>The error is not about one record.</summary>
    None,

    /// <summary>It was not accepted: it will not be written unless it is appended again.</summary>
    NotTaken,

    /// <summary>It waits in memory, and is written when the disk recovers. If you append it again, it is there twice then.</summary>
    Queued,

    /// <summary>It is in the file, but may be lost if the machine stops: it could not be forced to the disk.</summary>
    Written,
}
