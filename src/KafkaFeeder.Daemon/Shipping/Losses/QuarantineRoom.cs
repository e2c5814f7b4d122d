using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Units;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Decides what may be added to quarantine, from its size at the last scan and the bytes added since. Bytes that are written during a
/// scan may count twice until the next scan, but always count. Pure; not thread-safe.
/// </summary>
/// <param name="root">The directory of quarantine, for messages.</param>
/// <param name="options">The limits.</param>
internal sealed class QuarantineRoom(string root, QuarantineOptions options)
{
    /// <summary>
    /// Bytes of the file system that stay free for checkpoints and the ledger: two snapshots of 100,000 segments.
    /// </summary>
    public const long ReservedBytes = 64 << 20;

    private readonly Dictionary<string, Share> _logs = new(StringComparer.Ordinal);

    /// <summary>What quarantine takes on disk, in bytes.</summary>
    public long Bytes => _logs.Values.Sum(l => l.Bytes);

    /// <summary>Why the last request of some log would not fit now; null: the last request of each log would fit.</summary>
    public string? Full => _logs.Values.Select(l => l.Full).FirstOrDefault(f => f is not null);

    /// <summary>What quarantine of a log takes on disk, in bytes.</summary>
    public long BytesOf(string log) => _logs.TryGetValue(log, out var share) ? share.Bytes : 0;

    /// <summary>True if there is room.</summary>
    /// <param name="log">The name of the log's directory in quarantine.</param>
    /// <param name="bytes">What is to be added, in bytes on disk.</param>
    /// <param name="freeBytes">Free bytes of the file system.</param>
    /// <param name="reason">Why there is no room, and what to do.</param>
    public bool HasRoom(string log, long bytes, long freeBytes, [NotNullWhen(false)] out string? reason)
    {
        var share = ShareOf(log);
        share.Wanted = bytes;
        reason = share.Full = FullReason(log, share, freeBytes);
        return reason is null;
    }

    /// <summary>Like <see cref="HasRoom"/>, and reserves the bytes. What was reserved before counts as written.</summary>
    public bool TryTake(string log, long bytes, long freeBytes, [NotNullWhen(false)] out string? reason)
    {
        Written(log);
        var hasRoom = HasRoom(log, bytes, freeBytes, out reason);
        ShareOf(log).Open = hasRoom ? bytes : 0;
        return hasRoom;
    }

    /// <summary>The reserved bytes were written.</summary>
    public void Written(string log)
    {
        var share = ShareOf(log);
        share.Added += share.Open;
        share.Open = 0;
    }

    /// <summary>A scan of the directory begins.</summary>
    public void ScanBegins()
    {
        foreach (var share in _logs.Values)
        {
            share.AddedBefore = share.Added;
        }
    }

    /// <summary>A scan has ended, with these bytes for each log.</summary>
    public void Scanned(IReadOnlyDictionary<string, long> found, long freeBytes)
    {
        foreach (var log in found.Keys.Concat(_logs.Keys).Distinct().ToList())
        {
            var share = ShareOf(log);
            share.Found = found.GetValueOrDefault(log);
            share.Added -= share.AddedBefore;
            share.AddedBefore = 0;
        }

        foreach (var (log, share) in _logs.Where(l => l.Value.Full is not null))
        {
            share.Full = FullReason(log, share, freeBytes);
        }
    }

    /// <summary>Why there is no room for the last request; null if there is.</summary>
    private string? FullReason(string log, Share share, long freeBytes)
    {
        if (share.Wanted == 0)
        {
            return null;
        }

        var what = $"there is no room in quarantine for {Words.Bytes(share.Wanted)}: ";
        return share.Bytes + share.Wanted > options.MaxPerLogBytes
                ? $"{what}{Path.Combine(root, log)} holds {Words.Bytes(share.Bytes)} of {Limit("max_per_log", options.MaxPerLogBytes)}"
            : Bytes + share.Wanted > options.MaxTotalBytes
                ? $"{what}{root} holds {Words.Bytes(Bytes)} of {Limit("max_total", options.MaxTotalBytes)}"
            : freeBytes - share.Wanted < ReservedBytes
                ? $"{what}the file system of {root} has {Words.Bytes(freeBytes)} free, and {SizeText.Format(ReservedBytes)} are kept for "
                    + "checkpoints; make room there"
            : null;
    }

    private static string Limit(string setting, long bytes) =>
        $"{SizeText.Format(bytes)} (quarantine.{setting} of conf.yaml); move files away from there, or raise the setting and restart";

    private Share ShareOf(string log)
    {
        if (!_logs.TryGetValue(log, out var share))
        {
            _logs[log] = share = new Share();
        }

        return share;
    }

    /// <summary>The share of one log.</summary>
    private sealed class Share
    {
        public long Found { get; set; }

        public long Added { get; set; }

        /// <summary>The part of <see cref="Added"/> that was written before the current scan began: the scan finds it.</summary>
        public long AddedBefore { get; set; }

        public long Open { get; set; }

        /// <summary>The bytes of the last request.</summary>
        public long Wanted { get; set; }

        public string? Full { get; set; }

        public long Bytes => Found + Added + Open;
    }
}
