using KafkaFeeder.Daemon.Files;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Chooses the segments of one log whose sizes are checked every few seconds: the newest each time, since a writer without a lock
/// appends to those, and a bounded number of the others in turn. Also detects whether the directory is another one. Not
/// thread-safe.
/// </summary>
internal sealed class SegmentWatch(string directory, TimeProvider time)
{
    /// <summary>Time between two checks of sizes.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private const int NewestSegments = 3;

    /// <summary>How many of the others are checked each time: all of 100,000 segments are checked within 13 minutes.</summary>
    private const int OtherSegments = 256;

    private const int TailBytes = 64;

    private long? _checkedAt;
    private int _next;
    private FileId? _expected;
    private FileId _found;

    /// <summary>False if the directory is not the one that last had all its segments, or if none had them all in this run.</summary>
    public bool IsSameDirectory => _found == _expected;

    /// <summary>True if the interval is over. Then the next one begins.</summary>
    public bool IsDue()
    {
        if (_checkedAt is { } at && time.GetElapsedTime(at) < Interval)
        {
            return false;
        }

        _checkedAt = time.GetTimestamp();
        return true;
    }

    /// <summary>The segments to check now.</summary>
    public IEnumerable<SegmentName> Next(IReadOnlyList<SegmentName> names)
    {
        var older = Math.Max(0, names.Count - NewestSegments);
        for (var i = older; i < names.Count; i++)
        {
            yield return names[i];
        }

        for (var i = Math.Min(older, OtherSegments); i > 0; i--)
        {
            _next = (_next + 1) % older;
            yield return names[_next];
        }
    }

    /// <summary>Reads which directory is at the path now.</summary>
    /// <exception cref="IOException">The directory cannot be examined.</exception>
    public void CheckDirectory() => _found = FileFacts.Of(directory).Id;

    /// <summary>To be called when no segment is missing: takes this directory as the expected one.</summary>
    public void AcceptDirectory() => _expected = _found;

    public string PathOf(SegmentName name) => Path.Combine(directory, name.FileName);

    /// <summary>The length of a segment; null if there is no regular file of its name. A link is not a regular file.</summary>
    public long? LengthOf(SegmentName name) => FactsOf(name)?.Bytes;

    /// <summary>The metadata of a segment; null if there is no regular file of its name.</summary>
    public FileFacts? FactsOf(SegmentName name) =>
        FileFacts.TryOfEntry(PathOf(name), out var facts, out _) && facts.IsRegular ? facts : null;

    /// <summary>
    /// The length of a new segment, how many of its bytes were certainly written, and its head. If it ends in more zeros than a
    /// batch can end in, 0 bytes count as written, since the zeros may be space that its writer preallocated.
    /// </summary>
    public (long Bytes, long Written, uint? Head) SizeOf(SegmentName name)
    {
        try
        {
            using var file = SegmentHandle.OpenForReading(PathOf(name));
            var (bytes, written) = SizeOf(file);
            return (bytes, written, written > 0 ? SegmentHead.OfUnread(file, written) : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (LengthOf(name) ?? 0, 0, null); // opening it to read reports what is wrong
        }
    }

    /// <summary>The length of an open segment, and how many of its bytes were certainly written.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static (long Bytes, long Written) SizeOf(SafeFileHandle file)
    {
        var bytes = SegmentHandle.Stat(file).Bytes;
        Span<byte> tail = stackalloc byte[TailBytes];
        var read = RandomAccess.Read(file, tail, Math.Max(0, bytes - TailBytes));
        return (bytes, tail[..read].ContainsAnyExcept((byte)0) ? bytes : 0);
    }
}
