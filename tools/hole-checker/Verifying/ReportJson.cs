using System.Text.Json;
using HoleChecker.Counting;

namespace HoleChecker.Verifying;

/// <summary>
/// A report for programs: one object. Holes are [first, last], both inclusive, the first ones of each producer. Of the duplicates, the
/// first ones have their places.
/// </summary>
internal static class ReportJson
{
    /// <summary>The most holes that are listed of a producer; holesCount counts all of them.</summary>
    private const int MaxHoles = 1000;

    public static void Write(VerifyReport report, Stream output)
    {
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("topic", report.Topic);
        json.WriteBoolean("whole", report.IsWhole);
        json.WriteBoolean("good", report.IsGood);
        json.WriteNumber("received", report.Tally.Received);
        json.WriteNumber("foreign", report.Tally.Foreign);
        json.WriteNumber("distinct", report.Tally.Distinct);
        if (report.Expected is { } expected)
        {
            json.WriteNumber("expected", expected);
        }
        else
        {
            json.WriteNull("expected");
        }

        json.WriteNumber("ofOtherRuns", report.Tally.OfOtherRuns);
        json.WriteNumber("missing", report.Missing);
        json.WriteNumber("missingAtTheEnd", report.MissingAtTheEnd);
        json.WriteNumber("moreThanExpected", report.More);
        json.WriteNumber("duplicates", report.Duplicates);
        json.WriteNumber("outOfOrder", report.OutOfOrder);
        json.WriteNumber("partitions", report.PartitionsCount);
        json.WriteNumber("removedBefore", report.RemovedBefore);
        json.WriteNumber("seconds", Math.Round(report.Duration.TotalSeconds, 3));
        json.WriteNumber("sequenceBytes", report.SequenceBytes);
        json.WriteStartArray("runs");
        foreach (var run in report.Runs)
        {
            WriteRun(json, run);
        }

        json.WriteEndArray();
        json.WriteStartArray("producers");
        foreach (var source in report.Sources)
        {
            WriteSource(json, source);
        }

        json.WriteEndArray();
        json.WriteStartArray("firstDuplicates");
        foreach (var duplicate in report.Tally.FirstDuplicates)
        {
            WriteDuplicate(json, duplicate);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.WriteByte((byte)'\n');
    }

    private static void WriteRun(Utf8JsonWriter json, RunReport run)
    {
        json.WriteStartObject();
        json.WriteString("run", run.Run);
        json.WriteBoolean("whole", run.IsWhole);
        json.WriteNumber("distinct", run.Distinct);
        json.WriteNumber("missing", run.Missing);
        json.WriteNumber("missingAtTheEnd", run.MissingAtTheEnd);
        json.WriteNumber("moreThanExpected", run.More);
        json.WriteEndObject();
    }

    private static void WriteDuplicate(Utf8JsonWriter json, Duplicate duplicate)
    {
        json.WriteStartObject();
        json.WriteNumber("partition", duplicate.Partition);
        json.WriteNumber("offset", duplicate.Offset);
        json.WriteString("run", duplicate.Run);
        json.WriteString("producer", duplicate.Producer);
        json.WriteNumber("seq", duplicate.Sequence);
        json.WriteEndObject();
    }

    private static void WriteSource(Utf8JsonWriter json, SourceTally source)
    {
        json.WriteStartObject();
        json.WriteString("run", source.Run);
        json.WriteString("producer", source.Producer);
        json.WriteNumber("received", source.Received);
        json.WriteNumber("distinct", source.Distinct);
        json.WriteNumber("highest", source.Highest);
        json.WriteNumber("missing", source.Missing);
        json.WriteNumber("duplicates", source.Duplicates);
        json.WriteNumber("outOfOrder", source.OutOfOrder);
        json.WriteStartArray("holes");
        var count = 0L;
        foreach (var hole in source.Holes())
        {
            if (count++ < MaxHoles)
            {
                json.WriteStartArray();
                json.WriteNumberValue(hole.FirstMissing);
                json.WriteNumberValue(hole.LastMissing);
                json.WriteEndArray();
            }
        }

        json.WriteEndArray();
        json.WriteNumber("holesCount", count);
        json.WriteEndObject();
    }
}
