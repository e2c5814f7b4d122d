using System.Buffers;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>What a lane has for its caller.</summary>
internal enum LaneStatus
{
    /// <summary>A batch: <see cref="SegmentLane.Current"/> and its bytes.</summary>
    Batch,

    /// <summary>Nothing yet: its writer lives.</summary>
    Waiting,

    /// <summary>Damage was passed; ask again.</summary>
    Passed,

    /// <summary>The next batch behind damage is being searched: ask again soon, others meanwhile.</summary>
    Searching,

    /// <summary>Its writer is gone, and all of it was read.</summary>
    End,
}

/// <summary>One segment on its way: where it is read, and what of it is confirmed. Not thread-safe.</summary>
internal sealed class SegmentLane : IDisposable
{
    // Some 10 ms: other logs, and the watchdog, wait for no search.
    private const long SearchBytesPerTurn = 16 << 20;

    private SegmentReader? _reader;
    private Watermark _start;

    public SegmentLane(SegmentName name, long bytes)
        : this(name, new SegmentCheckpoint(name.FileName, default, bytes, false, null))
    {
    }

    public SegmentLane(SegmentName name, SegmentCheckpoint saved)
    {
        Name = name;
        _start = saved.Watermark;
        Bytes = saved.Bytes;
        Head = saved.Head;
        IsDone = saved.IsDone;
        Tracker = new AcknowledgementTracker(saved.Watermark);
    }

    public SegmentName Name { get; }

    /// <summary>What is confirmed.</summary>
    public AcknowledgementTracker Tracker { get; private set; }

    /// <summary>The size that was seen last.</summary>
    public long Bytes { get; private set; }

    /// <summary>See <see cref="SegmentCheckpoint.Head"/>.</summary>
    public uint? Head { get; private set; }

    /// <summary>True when the writer is gone, and all was read and is confirmed.</summary>
    public bool IsDone { get; private set; }

    /// <summary>True when the writer is gone and all was read.</summary>
    public bool IsReadToEnd { get; private set; }

    /// <summary>True once its name is gone from the directory.</summary>
    public bool IsUnlinked { get; set; }

    public bool IsOpen => _reader is not null;

    /// <summary>The batch that was read.</summary>
    public OutboundBatch? Current { get; private set; }

    /// <summary>Its bytes, until the next read.</summary>
    public ReadOnlySpan<byte> CurrentBytes => _reader!.Batch.Span;

    /// <summary>What a checkpoint says of it.</summary>
    public SegmentCheckpoint Snapshot()
    {
        Head ??= _reader is { } reader && Tracker.Watermark.Position >= RecordBatchHeader.Bytes ? HeadOf(reader.File) : null;
        return new SegmentCheckpoint(Name.FileName, Tracker.Watermark, Math.Max(Bytes, Tracker.Watermark.Position), IsDone, Head);
    }

    /// <summary>Opens the file and makes sure that it still is the one that the checkpoint speaks of.</summary>
    /// <returns>Null, or why reading starts elsewhere than the checkpoint says.</returns>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public string? Open(string directory, LossBook book)
    {
        var path = Path.Combine(directory, Name.FileName);
        var file = SegmentHandle.OpenForReading(path);
        try
        {
            var stat = SegmentHandle.Stat(file);
            var reset = Reset(file, stat.Bytes, book);
            Bytes = stat.Bytes;
            _reader = new SegmentReader(file, path, _start.Position, _start.Record == 0 ? _start.NextOffset : 0)
            {
                SearchBudgetBytes = SearchBytesPerTurn,
            };
            return reset;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads on.</summary>
    /// <param name="now">The time, to tell a file that is written from one that is left.</param>
    /// <param name="book">Told of damage before it is passed.</param>
    /// <exception cref="IOException">The file cannot be read; nothing was consumed.</exception>
    /// <exception cref="UnsupportedBatchException">It holds what cannot be read without a library that is not installed.</exception>
    public LaneStatus Read(DateTimeOffset now, LossBook book)
    {
        if (TakeNext(book) is { } first)
        {
            return first;
        }

        var writer = SegmentLock.Probe(_reader!.File);
        if (writer == WriterState.Alive)
        {
            Bytes = _reader.WrittenEnd; // less than its length while its writer has prepared space
            return LaneStatus.Waiting;
        }

        // The writer may have written and gone between our read and the test of its lock.
        if (TakeNext(book) is { } last)
        {
            return last;
        }

        var stat = SegmentHandle.Stat(_reader.File);
        Bytes = Math.Max(Bytes, stat.Bytes);
        if (!SegmentFinality.IsFinal(writer, IsUnlinked ? null : Name, stat.Modified, now))
        {
            return LaneStatus.Waiting;
        }

        switch (_reader.TryReadTail())
        {
            case SegmentReadStatus.Searching:
                return LaneStatus.Searching;
            case SegmentReadStatus.Corrupt:
                Pass(writer == WriterState.Gone ? _reader.Damage! : _reader.Damage!.WithUnknownWriter(), book);
                return LaneStatus.Passed;
            default:
                IsReadToEnd = true;
                _reader.DropBuffer();
                return LaneStatus.End;
        }
    }

    /// <summary>Notes that all is confirmed, if it is. False if there is more to read: the file has grown after all.</summary>
    public bool TryFinish()
    {
        if (Tracker.PendingCount > 0)
        {
            return true;
        }

        Bytes = Math.Max(SegmentHandle.Stat(_reader!.File).Bytes, Tracker.EndPosition);
        if (Bytes > Tracker.EndPosition)
        {
            IsReadToEnd = false;
            return false;
        }

        _ = Snapshot(); // the head, while the file is open
        IsDone = true;
        Close();
        return true;
    }

    /// <summary>A file that was done has grown: read on where it ended.</summary>
    public void Reopen(long bytes)
    {
        IsDone = false;
        IsReadToEnd = false;
        _start = Tracker.Watermark;
        Bytes = bytes;
    }

    /// <summary>Reads a batch once more, to send it again.</summary>
    /// <returns>The bytes in an array of the pool; null if they are not that batch any more.</returns>
    public byte[]? ReadAgain(OutboundBatch batch)
    {
        var bytes = ArrayPool<byte>.Shared.Rent((int)batch.Bytes);
        var span = bytes.AsSpan(0, (int)batch.Bytes);
        var total = 0;
        while (total < span.Length && RandomAccess.Read(_reader!.File, span[total..], batch.Position + total) is > 0 and var read)
        {
            total += read;
        }

        if (total == span.Length && RecordBatchHeader.ComputeCrc(span) == batch.StoredCrc)
        {
            return bytes;
        }

        ArrayPool<byte>.Shared.Return(bytes);
        return null;
    }

    /// <summary>The open file, for quarantine.</summary>
    public SafeFileHandle File => _reader!.File;

    public void Close()
    {
        _reader?.Dispose();
        _reader = null;
        Current = null;
    }

    public void Dispose() => Close();

    private static uint? HeadOf(SafeFileHandle file)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        return RandomAccess.Read(file, head, 0) == head.Length ? Crc32C.Compute(head) : null;
    }

    private LaneStatus? TakeNext(LossBook book)
    {
        switch (_reader!.TryRead())
        {
            case SegmentReadStatus.Batch:
                Take();
                return LaneStatus.Batch;
            case SegmentReadStatus.Corrupt:
                Pass(_reader.Damage!, book);
                return LaneStatus.Passed;
            case SegmentReadStatus.Searching:
                return LaneStatus.Searching;
            default:
                return null;
        }
    }

    private void Take()
    {
        var header = _reader!.Header;
        Current = new OutboundBatch
        {
            Origin = this,
            SegmentName = Name.FileName,
            Position = _reader.BatchPosition,
            EndPosition = _reader.Position,
            BaseOffset = header.BaseOffset,
            NextOffset = header.NextOffset,
            RecordsCount = header.RecordsCount,
            StoredCrc = header.StoredCrc,
            BaseTimestamp = Math.Max(0, header.BaseTimestamp), // magic 0 has none
        };
        if (Current.Position == _start.Position)
        {
            for (var i = 0; i < Math.Min(_start.Record, header.RecordsCount); i++)
            {
                Current.Settle(i); // confirmed by the run before this one
            }
        }

        Bytes = Math.Max(Bytes, Current.EndPosition);
        Tracker.Add(Current);
        if (header.IsControl || header.RecordsCount == 0)
        {
            Tracker.Settle(Current); // not data: nothing to send
            Current = null;
        }
    }

    private void Pass(SegmentDamage damage, LossBook book)
    {
        book.Damaged(_reader!.File, Name.FileName, damage);
        _reader.Pass(damage);
        Tracker.AddPassed(damage.Position, damage.EndPosition, _reader.NextOffset);
        Bytes = Math.Max(Bytes, damage.EndPosition);
    }

    private string? Reset(SafeFileHandle file, long bytes, LossBook book)
    {
        if (Head is { } head && HeadOf(file) is { } found && found != head)
        {
            StartAt(default);
            Head = null;
            return "it is another file under the same name: reading it from its start";
        }

        if (bytes < _start.Position)
        {
            var vanished = _start.Position;
            book.Vanished(Name.FileName, bytes, vanished);
            StartAt(new Watermark(bytes, 0, 0, null, 0));
            return $"it has shrunk to {bytes} bytes, {vanished} were confirmed: going on at its end";
        }

        if (_start.LastBatchPosition is { } last && !IsSameBatch(file, last))
        {
            StartAt(default);
            return $"what lies in front of position {_start.Position} is not what was confirmed: reading it from its start";
        }

        return null;
    }

    private bool IsSameBatch(SafeFileHandle file, long position)
    {
        Span<byte> bytes = stackalloc byte[RecordBatchHeader.Bytes];
        return RecordBatchHeader.TryRead(bytes[..RandomAccess.Read(file, bytes, position)], out var header)
            && header.StoredCrc == _start.LastBatchCrc && position + header.TotalBytes == _start.Position;
    }

    private void StartAt(Watermark start)
    {
        _start = start;
        Tracker = new AcknowledgementTracker(start);
    }
}
