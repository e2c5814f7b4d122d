using System.Globalization;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Keeps what could not be shipped: refused records, whole, in segments of their own; damaged bytes as they lay. Durable
/// when a call returns, so that the watermark may pass them. What a crash between this and the checkpoint leaves: the
/// same record in quarantine twice. What finds no room is not written.
/// </summary>
internal sealed class Quarantine(string directory, string component, QuarantineSpace space) : IDisposable
{
    /// <summary>The most that is copied of one stretch of damage, in bytes: it may be a whole file of something else.</summary>
    private const long MaxDamageBytes = 64 << 20;

    /// <summary>As much as a batch may hold that is read: what is too large for the brokers must not be so here.</summary>
    private const int MaxRecordBytes = 64 << 20;

    /// <summary>More than a record takes beside its key, value and headers, if it is a batch by itself.</summary>
    private const int RecordOverhead = 128;

    private LogWriter? _records;

    /// <summary>What there is of this log, in bytes on the disk.</summary>
    public long Bytes => space.BytesOf(directory);

    /// <summary>What a record takes at most.</summary>
    public static long BytesOf(in Record record)
    {
        var bytes = (long)RecordOverhead + record.Key.Length + record.Value.Length;
        foreach (var header in record.CopyHeaders())
        {
            bytes += 10 + header.Name.Length + (header.Value?.Length ?? 0);
        }

        return bytes;
    }

    /// <summary>Why there is no room for so many bytes; null: there is.</summary>
    public string? NoRoomFor(long bytes) => space.WhyNot(directory, bytes);

    /// <summary>To be called before records of so many bytes are added.</summary>
    /// <exception cref="IOException">There is no room for them.</exception>
    public void Take(long bytes)
    {
        if (space.Take(directory, bytes) is { } fault)
        {
            throw new IOException(fault);
        }
    }

    /// <summary>Sets a record aside. It is safe after <see cref="Sync"/>.</summary>
    /// <exception cref="IOException">It cannot be written: do not pass it.</exception>
    public void Add(in Record record)
    {
        StateDirectory.CreateDirectory(directory);
        _records ??= new LogWriter(new LogWriterOptions { Directory = directory, Component = component, MaxRecordBytes = MaxRecordBytes });
        _records.Append(new NewRecord(record), Durability.Flushed);
    }

    /// <summary>Forces the records that were added to the disk.</summary>
    /// <exception cref="IOException">They are not safe yet: do not pass them.</exception>
    public void Sync()
    {
        _records?.Flush(Durability.Synced);
        space.Written(directory);
    }

    /// <summary>Copies damaged bytes of a segment to a file named after it and their position. Holes stay holes.</summary>
    /// <returns>What of them is not copied, and why; null: all are.</returns>
    /// <exception cref="IOException">They are not safe yet: do not pass them.</exception>
    public string? AddDamage(SafeFileHandle segment, string segmentName, long position, long endPosition)
    {
        var end = Math.Min(endPosition, position + MaxDamageBytes);
        var path = Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{segmentName}.{position}.damaged"));
        var before = FileFacts.TryOf(path, out var facts, out _) ? Math.Max(facts.DiskBytes, FileExtents.BlockBytes) : 0;
        var more = Math.Max(0, FileExtents.DiskBytesOfCopy(segment, position, end) - before);
        if (space.Take(directory, more) is { } fault)
        {
            return $"not copied: quarantine is full ({fault})";
        }

        StateDirectory.CreateDirectory(directory);
        File.Delete(path);
        try
        {
            using var copy = StateDirectory.CreateFile(path);
            FileExtents.Copy(segment, position, end, copy);
            DurableFile.Sync(copy, path);
        }
        catch
        {
            File.Delete(path); // half a copy takes room from others
            throw;
        }

        DurableFile.SyncDirectory(directory);
        space.Written(directory);
        return FileExtents.Between(segment, end, endPosition).Any() ? $"only its first {SizeText.Format(MaxDamageBytes)} are copied" : null;
    }

    public void Dispose() => _records?.Dispose();
}
