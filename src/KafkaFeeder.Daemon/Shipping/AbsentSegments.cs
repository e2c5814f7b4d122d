using System.Globalization;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Reports the segments of one log that are gone from its directory, or are back and cannot be read: in its status at each call, and
/// in the daemon's log when their number grows, at most once in <see cref="RepeatLimit.Interval"/>. Not thread-safe.
/// </summary>
internal sealed class AbsentSegments(IBatchSource source, LogStatus status, ILogger logger, TimeProvider time)
{
    private readonly Logged _missing = new(time);
    private readonly Logged _removed = new(time);

    /// <summary>Updates the status.</summary>
    /// <returns>The problem as text; null if there is none.</returns>
    public string? Update()
    {
        var (missing, removed, removedCount, unreadable) = source.Absent;
        status.RemovedBytes = removed?.Bytes ?? 0;
        status.RemovedSegments = removedCount;
        status.MissingBytes = (removed?.Bytes ?? 0) + (missing?.Bytes ?? 0);
        if (_missing.IsDue(missing?.Count ?? 0))
        {
            FeederLog.SegmentsMissing(
                logger, status.Options.Component, status.Directory, Count(missing!.Value.Count), Words.Bytes(missing.Value.Bytes),
                missing.Value.Until);
        }

        if (_removed.IsDue(removed?.Count ?? 0))
        {
            FeederLog.SegmentsRemoved(
                logger, status.Options.Component, status.Directory, Count(removed!.Value.Count), Words.Bytes(removed.Value.Bytes));
        }

        return missing is null && removed is null && unreadable is null ? null
            : string.Join("; ", new[] { Text(missing), Text(removed), Text(unreadable) }.OfType<string>());
    }

    private string? Text(MissingFiles? missing) => missing is not { } m ? null
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{Count(m.Count)} with {Words.Bytes(m.Bytes)} not shipped {(m.Count == 1 ? "is" : "are")} missing from {status.Directory} "
                + $"since {m.Since:yyyy-MM-dd HH:mm:ss}Z (is it mounted?); lost if not back by {m.Until:HH:mm:ss}Z");

    private string? Text(RemovedFiles? removed) => removed is not { } r ? null
        : $"{Count(r.Count)} with {Words.Bytes(r.Bytes)} not shipped {(r.Count == 1 ? "was" : "were")} removed from {status.Directory} "
            + "while being read; shipped from the open files, lost if kafkafeeder, or the shipping of this log, stops before";

    private static string? Text(UnreadableFiles? unreadable) => unreadable is not { } u ? null
        : $"{Count(u.Count)} that {(u.Count == 1 ? "was shipped is" : "were shipped are")} back and cannot be read: {u.Error}";

    private static string Count(int segments) => Words.Count(segments, "segment", "segments");

    /// <summary>Keeps how many segments were logged. If their number drops and then grows, it is logged again.</summary>
    private sealed class Logged(TimeProvider time)
    {
        private readonly RepeatLimit _limit = new(time);
        private int _count;

        /// <summary>True if there are more than were logged, and they may be logged now.</summary>
        public bool IsDue(int count)
        {
            if (count > _count && _limit.TryTake())
            {
                _count = count;
                return true;
            }

            _count = Math.Min(_count, count);
            return false;
        }
    }
}
