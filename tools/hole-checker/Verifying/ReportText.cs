using System.Globalization;
using KafkaFeeder.CommandLine;
using HoleChecker.Counting;

namespace HoleChecker.Verifying;

/// <summary>A report for people: a line for the topic, one for each producer, the holes, and the verdict as the last line.</summary>
internal static class ReportText
{
    private const int MaxSources = 100;
    private const int MaxHoles = 20;

    public static void Write(VerifyReport report, TextWriter output)
    {
        var rate = report.Tally.Received / Math.Max(0.001, report.Duration.TotalSeconds);
        var others = report.Tally.OfOtherRuns > 0 ? Invariant($", {report.Tally.OfOtherRuns:N0} of other runs") : "";
        output.WriteLine(
            $"topic {report.Topic}: {Messages(report.Tally.Received)} in {Quantity.Of(report.PartitionsCount, "partition", "partitions")}, "
            + Invariant($"read in {report.Duration.TotalSeconds:0.0} s ({rate:N0}/s); ")
            + Invariant($"{report.Tally.Foreign:N0} of them foreign (without a number){others}"));
        if (report.RemovedBefore > 0)
        {
            output.WriteLine(
                $"already removed by retention or compaction: {Quantity.Of(report.RemovedBefore, "offset", "offsets")} at the start; "
                + "messages that were there count as missing");
        }

        foreach (var source in report.Sources.Take(MaxSources))
        {
            output.WriteLine(
                Invariant($"run {source.Run} producer {source.Producer}: {source.Received:N0} received, ")
                + Invariant($"{source.Distinct:N0} distinct, {source.Missing:N0} missing, {Duplicates(source.Duplicates)}, ")
                + Invariant($"{source.OutOfOrder:N0} out of order"));
            WriteHoles(source, output);
        }

        if (report.Sources.Count > MaxSources)
        {
            output.WriteLine(Invariant($"and {report.Sources.Count - MaxSources:N0} more (all producers: --json)"));
        }

        WriteUnexpected(report, output);
        WriteForbiddenDuplicates(report, output);
        output.WriteLine(Verdict(report));
    }

    /// <summary>The last line.</summary>
    public static string Verdict(VerifyReport report)
    {
        var also = Invariant($"{Duplicates(report.Duplicates)}, {report.OutOfOrder:N0} out of order");
        if (!report.IsWhole)
        {
            var missing = report.Missing + report.MissingAtTheEnd;
            var end = report.MissingAtTheEnd > 0 ? Invariant($" ({report.MissingAtTheEnd:N0} of them after the last that came)") : "";
            var all = report.Tally.Distinct + missing;
            var faults = report.HasForbiddenDuplicates ? "HOLES AND DUPLICATES" : "HOLES";
            return Invariant($"{faults}: {missing:N0} of {Messages(all)} missing{end}; {also}");
        }

        var noHoles = $"no holes: {Messages(report.Tally.Distinct)}{Expected(report)}";
        return report.HasForbiddenDuplicates ? $"DUPLICATES: {also}; {noHoles}" : $"{noHoles}; {also}";
    }

    private static string Expected(VerifyReport report)
    {
        if (report.Expected is not { } expected)
        {
            return "";
        }

        var runs = report.Runs.Count > 1 ? Invariant($" of each of {report.Runs.Count} runs") : "";
        return Invariant($", {expected:N0} expected{runs}{(report.More > 0 ? Invariant($": {report.More:N0} MORE than expected") : "")}");
    }

    /// <summary>Runs with fewer or more messages than expected: the total does not show which they are.</summary>
    private static void WriteUnexpected(VerifyReport report, TextWriter output)
    {
        foreach (var run in report.Runs.Where(run => report.Runs.Count > 1 && (run.MissingAtTheEnd > 0 || run.More > 0)).Take(MaxSources))
        {
            var difference = run.More > 0 ? Invariant($"{run.More:N0} more") : Invariant($"{run.Missing + run.MissingAtTheEnd:N0} missing");
            output.WriteLine(Invariant($"run {run.Run}: {Messages(run.Distinct)}, {run.Expected:N0} expected: {difference}"));
        }
    }

    private static void WriteForbiddenDuplicates(VerifyReport report, TextWriter output)
    {
        if (!report.HasForbiddenDuplicates)
        {
            return;
        }

        var listed = report.Tally.FirstDuplicates;
        output.WriteLine(
            $"{Duplicates(report.Duplicates)}, and --no-duplicates allows none{(report.Duplicates > listed.Count ? "; the first" : "")}:");
        foreach (var duplicate in listed)
        {
            output.WriteLine(
                Invariant($"  partition {duplicate.Partition} offset {duplicate.Offset}: ")
                + Invariant($"run {duplicate.Run} producer {duplicate.Producer} number {duplicate.Sequence}"));
        }
    }

    private static void WriteHoles(SourceTally source, TextWriter output)
    {
        if (source.Missing == 0)
        {
            return;
        }

        var count = 0L;
        foreach (var hole in source.Holes())
        {
            if (count++ < MaxHoles)
            {
                output.WriteLine(hole.Count == 1
                    ? Invariant($"  missing: {hole.FirstMissing}")
                    : Invariant($"  missing: {hole.FirstMissing}..{hole.LastMissing} ({hole.Count:N0})"));
            }
        }

        if (count > MaxHoles)
        {
            output.WriteLine($"  and {Quantity.Of(count - MaxHoles, "more hole", "more holes")}");
        }
    }

    private static string Messages(decimal count) => Quantity.Of(count, "message", "messages");

    private static string Duplicates(decimal count) => Quantity.Of(count, "duplicate", "duplicates");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
