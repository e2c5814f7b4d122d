using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Units;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Decides what may still go to quarantine, by what lay there at the last look and what was added since. What is written
/// while somebody looks counts twice until the next look, and never not at all. Pure; not thread-safe.
/// </summary>
/// <param name="root">The directory of quarantine, for what is said.</param>
/// <param name="options">The limits.</param>
internal sealed class QuarantineRoom(string root, QuarantineOptions options)
{
    /// <summary>
    /// What of the file system is left free for checkpoints and the ledger: a snapshot of 100,000 segments, and the next.
    /// </summary>
    public const long ReservedBytes = 64 << 20;

    private readonly Dictionary<string, Share> _logs = new(StringComparer.Ordinal);

    /// <summary>What quarantine takes on the disk.</summary>
    public long Bytes => _logs.Values.Sum(l => l.Bytes);

    /// <summary>Why something that found no room would find none now; null: whatever was asked for last would fit.</summary>
    public string? Full => _logs.Values.Select(l => l.Full).FirstOrDefault(f => f is not null);

    /// <summary>What a log's quarantine takes on the disk.</summary>
    public long BytesOf(string log) => _logs.TryGetValue(log, out var share) ? share.Bytes : 0;

    /// <summary>Asks whether there is room.</summary>
    /// <param name="log">The name of the log's directory in quarantine.</param>
    /// <param name="bytes">What it takes on the disk.</param>
    /// <param name="freeBytes">What is free there.</param>
    /// <param name="reason">Why there is none, with what to do.</param>
    public bool HasRoom(string log, long bytes, long freeBytes, [NotNullWhen(false)] out string? reason)
    {
        var share = ShareOf(log);
        share.Wanted = bytes;
        reason = share.Full = FullReason(log, share, freeBytes);
        return reason is null;
    }

    /// <summary>The same, and it is about to be written; what was taken before is written.</summary>
    public bool TryTake(string log, long bytes, long freeBytes, [NotNullWhen(false)] out string? reason)
    {
        Written(log);
        var hasRoom = HasRoom(log, bytes, freeBytes, out reason);
        ShareOf(log).Open = hasRoom ? bytes : 0;
        return hasRoom;
    }

    /// <summary>What was taken is written.</summary>
    public void Written(string log)
    {
        var share = ShareOf(log);
        share.Added += share.Open;
        share.Open = 0;
    }

    /// <summary>Somebody is about to look at what there is.</summary>
    public void LookBegins()
    {
        foreach (var share in _logs.Values)
        {
            share.AddedBefore = share.Added;
        }
    }

    /// <summary>So much was found of each log.</summary>
    public void Looked(IReadOnlyDictionary<string, long> found, long freeBytes)
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

    /// <summary>Why there is no room for what was asked for last; null while there is.</summary>
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
        $"{SizeText.Format(bytes)} (quarantine.{setting} of conf.yaml); move away what lies there, or raise the setting and restart";

    private Share ShareOf(string log)
    {
        if (!_logs.TryGetValue(log, out var share))
        {
            _logs[log] = share = new Share();
        }

        return share;
    }

    /// <summary>What one log has there.</summary>
    private sealed class Share
    {
        public long Found { get; set; }

        public long Added { get; set; }

        /// <summary>Of <see cref="Added"/>, what was written before the look in progress, which finds it.</summary>
        public long AddedBefore { get; set; }

        public long Open { get; set; }

        /// <summary>What was asked for last.</summary>
        public long Wanted { get; set; }

        public string? Full { get; set; }

        public long Bytes => Found + Added + Open;
    }
}
