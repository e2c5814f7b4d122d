using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Supervision;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Retention;

/// <summary>
/// Deletes segments that are shipped, by the checkpoint that is on disk and not the one in memory, and past their
/// retention. (Kafka's LogCleaner compacts; this one only deletes.)
/// </summary>
internal sealed class SegmentCleaner(FeederOptions options, ShipperFleet fleet, ILogger logger, TimeProvider time)
{
    /// <summary>A wall clock that moves otherwise than time passes makes ages meaningless: nothing is deleted by it.</summary>
    private static readonly TimeSpan MaxClockJump = TimeSpan.FromHours(1);

    private DateTimeOffset _lastNow = time.GetUtcNow();
    private long _lastTimestamp = time.GetTimestamp();

    /// <summary>Cleans by the interval.</summary>
    public async Task RunAsync(LoopTurns turns, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            turns.Turned();
            RunOnce(turns.Turned);
            turns.SleepsFor(options.Cleaner.Interval);
            await Pause.ForAsync(options.Cleaner.Interval, time, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>One round over all logs.</summary>
    /// <param name="onStep">Called for each segment: to delete many large files takes long.</param>
    public void RunOnce(Action onStep)
    {
        var now = time.GetUtcNow();
        var jump = now - _lastNow - time.GetElapsedTime(_lastTimestamp);
        _lastNow = now;
        _lastTimestamp = time.GetTimestamp();
        if (jump.Duration() > MaxClockJump)
        {
            FeederLog.CleaningPaused(logger, jump);
            return;
        }

        foreach (var log in fleet.Cleanable)
        {
            foreach (var segment in log.Done)
            {
                onStep();
                Clean(log, segment, now);
            }
        }
    }

    private void Clean(CleanableLog log, SegmentCheckpoint saved, DateTimeOffset now)
    {
        var status = log.Status;
        if (status.Options.Retention is null)
        {
            return;
        }

        var path = Path.Combine(status.Directory, saved.Name);
        try
        {
            using var file = SegmentHandle.OpenForReading(path);
            var stat = SegmentHandle.Stat(file);
            if (!SegmentFinality.IsFinal(SegmentLock.Probe(file), SegmentName.TryParse(saved.Name), stat.Modified, now))
            {
                return; // a writer has it open, or may have; none will open it later: each creates its own
            }

            if (RetentionPolicy.Judge(saved, stat, status.Options.Retention, now) == RetentionVerdict.Delete)
            {
                log.Cleaning(saved.Name);
                File.Delete(path);
                status.AddCleaned();
                FeederLog.Cleaned(logger, saved.Name, now - stat.Modified);
            }
        }
        catch (FileNotFoundException)
        {
            return; // deleted by somebody else, or in the round before
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            FeederLog.NotCleaned(logger, saved.Name, e.Message);
        }
    }
}
