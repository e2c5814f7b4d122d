using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Units;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Keeps what could not be shipped: refused records, whole, in segments of their own; damaged bytes as they lay. Durable
/// when a call returns, so that the watermark may pass them. What a crash between this and the checkpoint leaves: the
/// same record in quarantine twice. What finds no room is not written.
/// </summary>
internal sealed class Quarantine(string directory, string component, QuarantineSpace space) : IDisposable
{
    /// <summary>The most that is copied of one stretch of damage, in bytes: it may be a whole file of something else.</summary>
    private const long MaxDamageBytes = 64 << 20;

    /// <summary>The most copies of one name and position: of files that took the name one after the other.</summary>
    private const int MaxCopies = 100;

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

    /// <summary>Whether there is room for so many bytes; if not, why not and what to do.</summary>
    public bool HasRoomFor(long bytes, [NotNullWhen(false)] out string? reason) => space.HasRoom(directory, bytes, out reason);

    /// <summary>To be called before records of so many bytes are added.</summary>
    /// <exception cref="IOException">There is no room for them.</exception>
    public void Take(long bytes)
    {
        if (!space.TryTake(directory, bytes, out var reason))
        {
            throw new IOException(reason);
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

    /// <summary>
    /// Copies damaged bytes of a segment to a file named after it and their position; beside what another file of that name
    /// had there. Holes stay holes.
    /// </summary>
    /// <param name="segment">The open segment.</param>
    /// <param name="segmentName">Its name.</param>
    /// <param name="position">The position of the first damaged byte.</param>
    /// <param name="endPosition">The position after the last.</param>
    /// <param name="uncopied">What of them is not copied, and why.</param>
    /// <returns>True if all are copied.</returns>
    /// <exception cref="IOException">They are not safe yet: do not skip them.</exception>
    public bool TryAddDamage(
        SafeFileHandle segment, string segmentName, long position, long endPosition, [NotNullWhen(false)] out string? uncopied)
    {
        uncopied = null;
        var end = Math.Min(endPosition, position + MaxDamageBytes);
        var name = string.Create(CultureInfo.InvariantCulture, $"{segmentName}.{position}");
        if (Enumerable.Range(1, MaxCopies).Select(i => PathOf(name, i)).FirstOrDefault(IsFreeOrAlike) is not { } path)
        {
            uncopied = $"not copied: there are {MaxCopies} other copies of this name and position in quarantine";
            return false;
        }

        if (File.Exists(path) && new FileInfo(path).Length >= Math.Min(end, RandomAccess.GetLength(segment)) - position)
        {
            using var there = SegmentHandle.OpenForReading(path);
            DurableFile.Sync(there, path); // what was to be synced when it was written may have been cut short
        }
        else if (!space.TryTake(directory, FileExtents.DiskBytesOfCopy(segment, position, end), out var reason))
        {
            uncopied = $"not copied: quarantine is full ({reason})";
            return false;
        }
        else
        {
            Copy(segment, position, end, path);
            space.Written(directory);
        }

        DurableFile.SyncDirectory(directory);
        uncopied = FileExtents.Between(segment, end, endPosition).Any()
            ? $"only its first {SizeText.Format(MaxDamageBytes)} are copied"
            : null;
        return uncopied is null;

        bool IsFreeOrAlike(string copy)
        {
            try
            {
                return !Path.Exists(copy) || FileExtents.BeginAlike(segment, position, end, copy);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false; // somebody else's, no file, or damaged itself
            }
        }
    }

    public void Dispose() => _records?.Dispose();

    private string PathOf(string name, int copy) => Path.Combine(
        directory, copy == 1 ? $"{name}.damaged" : string.Create(CultureInfo.InvariantCulture, $"{name}.{copy}.damaged"));

    /// <summary>Whole, or not under that name.</summary>
    private void Copy(SafeFileHandle segment, long position, long end, string path)
    {
        StateDirectory.CreateDirectory(directory);
        var unfinished = Path.Combine(directory, "damaged.new");
        File.Delete(unfinished);
        try
        {
            using (var copy = StateDirectory.CreateFile(unfinished))
            {
                FileExtents.Copy(segment, position, end, copy);
                DurableFile.Sync(copy, unfinished);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished); // half a copy takes room from others
            throw;
        }
    }
}
