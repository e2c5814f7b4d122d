using KafkaFeeder.Daemon.Files;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Looks, every few seconds, at the sizes of the segments of one log: of the newest each time, since a writer without a
/// lock adds to those, and of the others in turn, a bounded number at a time. And at which directory it is. Not thread-safe.
/// </summary>
internal sealed class SegmentWatch(string directory, TimeProvider time)
{
    /// <summary>How often sizes are looked at.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private const int NewestSegments = 3;

    /// <summary>How many of the others each time: 100,000 segments take 13 minutes.</summary>
    private const int OtherSegments = 256;

    private const int TailBytes = 64;

    private long? _lookedAt;
    private int _next;
    private FileId? _home;
    private FileId _found;

    /// <summary>False if the directory is another one than that in which all was there, or that was never seen in this run.</summary>
    public bool IsSameDirectory => _found == _home;

    /// <summary>Whether the interval is over; begins the next.</summary>
    public bool IsDue()
    {
        if (_lookedAt is { } at && time.GetElapsedTime(at) < Interval)
        {
            return false;
        }

        _lookedAt = time.GetTimestamp();
        return true;
    }

    /// <summary>The segments to look at now.</summary>
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

    /// <summary>Looks which directory it is.</summary>
    /// <exception cref="IOException">It cannot be asked.</exception>
    public void LookAtDirectory() => _found = FileFacts.Of(directory).Id;

    /// <summary>All that should be there is there: it is the directory that was meant.</summary>
    public void ThisIsTheDirectory() => _home = _found;

    public string PathOf(SegmentName name) => Path.Combine(directory, name.FileName);

    /// <summary>The length of a segment; null if there is no regular file of its name. A link is none.</summary>
    public long? LengthOf(SegmentName name) => FactsOf(name)?.Bytes;

    /// <summary>What the system says of a segment; null if there is no regular file of its name.</summary>
    public FileFacts? FactsOf(SegmentName name) =>
        FileFacts.TryOfEntry(PathOf(name), out var facts, out _) && facts.IsRegular ? facts : null;

    /// <summary>
    /// The length of a segment that was just found, and how much of it certainly was written: nothing, if it ends in more zeros
    /// than a batch does, since those may be space that its writer has prepared. And what it begins with.
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
            return (LengthOf(name) ?? 0, 0, null); // opening it to read tells what is wrong
        }
    }

    /// <summary>The length of an open segment, and how much of it certainly was written.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static (long Bytes, long Written) SizeOf(SafeFileHandle file)
    {
        var bytes = SegmentHandle.Stat(file).Bytes;
        Span<byte> tail = stackalloc byte[TailBytes];
        var read = RandomAccess.Read(file, tail, Math.Max(0, bytes - TailBytes));
        return (bytes, tail[..read].ContainsAnyExcept((byte)0) ? bytes : 0);
    }
}
