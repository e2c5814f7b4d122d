using KafkaFeeder.CommandLine;
using KafkaLog.Format;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Native;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Cat;

/// <summary>Prints the records of segments, one after the other.</summary>
internal sealed class RecordPrinter(
    RecordRange range, IRecordFormat format, OutputBuffer output, TimeProvider time, CancellationToken cancellation)
{
    // The pause between two polls grows while nothing comes. A poll is two system calls.
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LastPause = TimeSpan.FromMilliseconds(200);

    private TimeSpan _pause = FirstPause;

    /// <summary>True once damage was found.</summary>
    public bool HasMetDamage { get; private set; }

    /// <summary>Prints a file.</summary>
    /// <exception cref="OutputClosedException">Nobody reads it any more.</exception>
    public void Print(string path)
    {
        using var scan = new SegmentScan(path, time);
        for (var step = scan.Next(); step != ScanStep.End && !cancellation.IsCancellationRequested; step = scan.Next())
        {
            if (!Take(scan, step))
            {
                return;
            }
        }

        if (!cancellation.IsCancellationRequested)
        {
            TellUnfinished(scan);
        }
    }

    /// <summary>Prints a file and those of its log that follow it, until it is cancelled or nothing more can come.</summary>
    /// <exception cref="OutputClosedException">Nobody reads it any more.</exception>
    public void Follow(string path)
    {
        var next = path;
        while (next is not null && !cancellation.IsCancellationRequested)
        {
            next = FollowOne(next);
        }
    }

    /// <summary>Waits for the first segment of a log; null if it was cancelled.</summary>
    public string? WaitForFirst(string directory, string component)
    {
        while (true)
        {
            if (Directory.Exists(directory)
                && SegmentFiles.SegmentsOf(directory).Where(name => name.Component == component).Min() is { } first)
            {
                return Path.Combine(directory, first.FileName);
            }

            if (!Wait())
            {
                return null;
            }
        }
    }

    private string? FollowOne(string path)
    {
        var name = SegmentName.TryParse(Path.GetFileName(path));
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        using var scan = new SegmentScan(path, time);
        var standstill = new Standstill(time);
        long? toldOf = null;
        while (!cancellation.IsCancellationRequested)
        {
            if (!TakeWhatIsThere(scan))
            {
                return null;
            }

            // In this order: what was written before the writer ended, or before the next segment came, is read by Finish.
            var next = name is null ? null : SegmentFiles.NextOf(directory, name);
            var writer = scan.ProbeWriter();
            var isFinal = scan.IsFinal(writer);
            switch (FollowDecision.Of(writer, isFinal, name is not null, next is not null))
            {
                case FollowStep.Wait:
                    if (standstill.IsDue(scan.Position, scan.Bytes) && scan.NextUnfinished() is var found)
                    {
                        if (found != ScanStep.End)
                        {
                            if (!Take(scan, found))
                            {
                                return null;
                            }

                            continue;
                        }

                        if (scan.WrittenEnd > scan.Position && toldOf != scan.Position)
                        {
                            toldOf = scan.Position;
                            TellWaiting(scan, writer, isFinal);
                        }
                    }

                    if (!Wait())
                    {
                        return null;
                    }

                    break;
                case var step:
                    return Finish(scan) && step == FollowStep.GoOn ? next : null;
            }
        }

        return null;
    }

    /// <summary>False: the range is over.</summary>
    private bool TakeWhatIsThere(SegmentScan scan)
    {
        for (var step = scan.NextThere(); step != ScanStep.End && !cancellation.IsCancellationRequested; step = scan.NextThere())
        {
            _pause = FirstPause;
            if (!Take(scan, step))
            {
                return false;
            }
        }

        return true;
    }

    private bool Finish(SegmentScan scan)
    {
        while (TakeWhatIsThere(scan))
        {
            if (!scan.PassTail())
            {
                return true;
            }

            Tell(scan.Path, scan.Damage!);
        }

        return false;
    }

    private bool Take(SegmentScan scan, ScanStep step)
    {
        if (step == ScanStep.Damage)
        {
            Tell(scan.Path, scan.Damage!);
            return true;
        }

        return PrintBatch(scan);
    }

    /// <summary>False: nothing after it is in the range.</summary>
    private bool PrintBatch(SegmentScan scan)
    {
        var header = scan.Header;
        if (header.IsControl || (header.Magic == 2 && range.IsBefore(header.NextOffset, header.MaxTimestamp)))
        {
            return true;
        }

        if (range.IsOver(header.BaseOffset))
        {
            return false;
        }

        try
        {
            var records = scan.Records();
            while (records.MoveNext())
            {
                var record = records.Current;
                var offset = record.Offset;
                if (range.Contains(offset, RecordTimestamp.Of(header, record.Timestamp)))
                {
                    format.Write(header, record, offset, output);
                    output.FlushIfFull();
                }
            }
        }
        catch (CorruptBatchException e)
        {
            Tell(scan.Path, new SegmentDamage(scan.BatchPosition, scan.Position, false, e.Message));
        }

        return true;
    }

    private void TellUnfinished(SegmentScan scan)
    {
        if (scan.WrittenEnd == scan.Position)
        {
            return;
        }

        var writer = scan.ProbeWriter();
        var hasNothing = scan.HasNothingSound(writer);
        HasMetDamage |= hasNothing;
        output.Flush();
        var why = hasNothing ? "there is no whole batch in the file"
            : $"its writer {(writer == WriterState.Alive ? "lives" : "may live")}, and has not finished a batch of them";
        ErrorOutput.Say($"{scan.Path}: did not print the last {Quantity.Bytes(scan.WrittenEnd - scan.Position)}: {why}");
    }

    private void TellWaiting(SegmentScan scan, WriterState writer, bool isFinal)
    {
        output.Flush();
        ErrorOutput.Say(
            $"{scan.Path}: waiting at position {scan.Position}: no whole batch in the {Quantity.Bytes(scan.WrittenEnd - scan.Position)} "
                + "there"
                + (isFinal ? ", and nothing more is written to the file: they are skipped when the next segment is there"
                    : $" yet, and its writer {(writer == WriterState.Alive ? "lives" : "may live")}"));
    }

    private void Tell(string path, SegmentDamage damage)
    {
        HasMetDamage = true;
        output.Flush(); // so that the line appears where the records are missing
        ErrorOutput.Say(
            $"{path}: {(damage.IsTornTail ? "torn tail" : "damage")} at bytes {damage.Position}..{damage.EndPosition - 1}: "
                + $"{damage.Reason}");
    }

    /// <summary>False: it was cancelled.</summary>
    private bool Wait()
    {
        output.Flush();
        if (StandardStreams.IsOutputClosed())
        {
            throw new OutputClosedException();
        }

        var isCancelled = cancellation.WaitHandle.WaitOne(_pause);
        _pause = _pause * 2 < LastPause ? _pause * 2 : LastPause;
        return !isCancelled;
    }
}
