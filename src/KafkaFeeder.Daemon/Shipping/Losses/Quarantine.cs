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
/// Keeps what could not be shipped: refused records, whole, in segments of its own; damaged bytes as copies. They are on disk when
/// <see cref="Sync"/> or <see cref="TryAddDamage"/> has returned, so that the acknowledged position may move past them. A crash before
/// the next checkpoint may leave the same record in quarantine twice. If there is no room, nothing is written.
/// </summary>
internal sealed class Quarantine(string directory, string component, QuarantineSpace space) : IDisposable
{
    /// <summary>How much of one damaged range is copied at most, in bytes: the range may be a whole foreign file.</summary>
    private const long MaxDamageBytes = 64 << 20;

    /// <summary>How many copies of one name and position there may be, from different files that had the name.</summary>
    private const int MaxCopies = 100;

    /// <summary>The largest batch that the daemon reads: a record that is too large for the brokers must fit here.</summary>
    private const int MaxRecordBytes = 64 << 20;

    /// <summary>An upper bound of the bytes that a record in its own batch takes besides its key, value and headers.</summary>
    private const int RecordOverhead = 128;

    private LogWriter? _records;

    /// <summary>What quarantine of this log takes on disk, in bytes.</summary>
    public long Bytes => space.BytesOf(directory);

    /// <summary>The most bytes that a record takes.</summary>
    public static long BytesOf(in Record record)
    {
        var bytes = (long)RecordOverhead + record.Key.Length + record.Value.Length;
        foreach (var header in record.CopyHeaders())
        {
            bytes += 10 + header.Name.Length + (header.Value?.Length ?? 0);
        }

        return bytes;
    }

    /// <summary>True if there is room for this many bytes; if not, the reason says why, and what to do.</summary>
    public bool HasRoomFor(long bytes, [NotNullWhen(false)] out string? reason) => space.HasRoom(directory, bytes, out reason);

    /// <summary>Reserves room. To be called before records of this many bytes are added.</summary>
    /// <exception cref="IOException">There is no room for them.</exception>
    public void Take(long bytes)
    {
        if (!space.TryTake(directory, bytes, out var reason))
        {
            throw new IOException(reason);
        }
    }

    /// <summary>Sets a record aside. It is on disk after <see cref="Sync"/>.</summary>
    /// <exception cref="IOException">It cannot be written: do not settle it.</exception>
    public void Add(in Record record)
    {
        StateDirectory.CreateDirectory(directory);
        _records ??= new LogWriter(new LogWriterOptions { Directory = directory, Component = component, MaxRecordBytes = MaxRecordBytes });
        _records.Append(new NewRecord(record), Durability.Flushed);
    }

    /// <summary>Syncs the added records to disk.</summary>
    /// <exception cref="IOException">They may not be on disk: do not settle them.</exception>
    public void Sync()
    {
        _records?.Flush(Durability.Synced);
        space.Written(directory);
    }

    /// <summary>
    /// Copies damaged bytes of a segment to a file that is named after the segment and their position. If there is a copy from
    /// another file of that name, the new copy gets a number. Holes stay holes.
    /// </summary>
    /// <param name="segment">The open segment.</param>
    /// <param name="segmentName">Its name.</param>
    /// <param name="position">The position of the first damaged byte.</param>
    /// <param name="endPosition">The position after the last.</param>
    /// <param name="uncopied">Which bytes are not copied, and why; null if all are.</param>
    /// <returns>True if all are copied.</returns>
    /// <exception cref="IOException">The copy may not be on disk: do not skip the bytes.</exception>
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
            DurableFile.Sync(there, path); // the sync after writing it may have been interrupted
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
                return false; // not readable: another user's file, not a file, or damaged
            }
        }
    }

    public void Dispose() => _records?.Dispose();

    private string PathOf(string name, int copy) => Path.Combine(
        directory, copy == 1 ? $"{name}.damaged" : string.Create(CultureInfo.InvariantCulture, $"{name}.{copy}.damaged"));

    /// <summary>Writes a copy. It has its name only when it is complete.</summary>
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
            File.Delete(unfinished); // it would take room from others
            throw;
        }
    }
}
