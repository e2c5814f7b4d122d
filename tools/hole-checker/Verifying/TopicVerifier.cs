using HoleChecker.Counting;
using KafkaFeeder;

namespace HoleChecker.Verifying;

/// <summary>
/// Reads a topic and counts. It ends when all partitions are read to their ends and, if a number of messages is expected,
/// that many came; and it ends when nothing new came for the idle timeout. If duplicates are faults, it then reads on to the ends that
/// the partitions have when all that came: a partition whose end was reached earlier may have got a duplicate since.
/// </summary>
internal sealed class TopicVerifier(VerifyOptions options, SequenceMemory memory, TimeProvider time)
{
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromMilliseconds(100);

    /// <param name="progress">Told now and then how many messages were read, and how many there are.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="TopicReadException">The topic could not be read to its end.</exception>
    /// <exception cref="SequenceMemoryException">The numbers are too scattered to be kept in memory.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before the end.</exception>
    public VerifyReport Run(Action<long, long> progress, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        using var reader = new TopicReader(options.BootstrapServers, options.Topic, options.Properties);
        reader.Start(options.ConnectTimeout);
        var tally = new TopicTally(reader.Partitions[^1] + 1, memory, options.Run);
        RecordHandler count = options.Pattern is { } pattern
            ? (in FetchedRecord record) => Count(tally, record, pattern.TryFind(record.Value, out var message), message)
            : (in FetchedRecord record) => Count(tally, record, NumberedMessage.TryFind(record.Value, out var message), message);

        var lastNew = time.GetTimestamp();
        var areEndsLater = false; // than the last number that was expected
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var distinct = tally.Distinct;
            var records = reader.Read(count, ReadTimeout);
            if (records > 0)
            {
                progress(tally.Received, reader.CountKnownOffsets());
            }

            // Once all ends are reached only new numbers count: other messages may come forever.
            if (tally.Distinct > distinct || (records > 0 && reader.UnfinishedPartitions.Any()))
            {
                lastNew = time.GetTimestamp();
            }

            if (areEndsLater && !reader.UnfinishedPartitions.Any() && !reader.HeldPartitions.Any())
            {
                return Report();
            }

            if (!areEndsLater && reader.IsAtEnd && tally.HasOfEachRun(options.Expected ?? 0)
                && (!reader.HeldPartitions.Any() || HeldRecordsDoNotMatter()))
            {
                if (!options.NoDuplicates)
                {
                    return Report();
                }

                reader.LookForEndsAgain();
                areEndsLater = true;
                lastNew = time.GetTimestamp();
            }

            if (time.GetElapsedTime(lastNew) >= options.IdleTimeout)
            {
                ThrowIfUnfinished(reader);
                ThrowIfHeld(reader);
                return Report();
            }
        }

        // What an open transaction hides may be a duplicate, but it cannot make a hole.
        bool HeldRecordsDoNotMatter() => !options.NoDuplicates && Report().IsWhole;

        VerifyReport Report() =>
            new(options, reader.Partitions.Count, reader.RemovedBefore, tally, time.GetElapsedTime(started), memory.TakenBytes);
    }

    private static void Count(TopicTally tally, in FetchedRecord record, bool isNumbered, NumberedMessage message)
    {
        if (isNumbered)
        {
            tally.Add(record.Partition, record.Offset, message);
        }
        else
        {
            tally.AddForeign();
        }
    }

    private void ThrowIfUnfinished(TopicReader reader)
    {
        var unfinished = reader.UnfinishedPartitions.ToList();
        if (unfinished.Count > 0)
        {
            var reason = reader.LastComplaint is { } complaint ? $": {complaint}" : "";
            throw new TopicReadException(
                $"Topic {options.Topic} was not read to its end: nothing more came from partition {string.Join(", ", unfinished)} for "
                    + $"{options.IdleTimeout.TotalSeconds:0.#} s{reason}.");
        }
    }

    /// <summary>Messages after the start of an open transaction cannot be read yet, so they do not count as missing.</summary>
    private void ThrowIfHeld(TopicReader reader)
    {
        foreach (var (partition, readTo, end) in reader.HeldPartitions)
        {
            throw new TopicReadException(
                $"Topic {options.Topic} was not read to its end: partition {partition} holds records up to offset {end - 1}, "
                + $"but gives them out before offset {readTo} only. A transaction of some producer is open there. Wait until it ends, "
                + "or read what is not committed, too: -X isolation.level=read_uncommitted.");
        }
    }
}
