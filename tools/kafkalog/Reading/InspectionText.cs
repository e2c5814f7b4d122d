using System.Globalization;
using KafkaFeeder.CommandLine;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Reading;

/// <summary>What was found in a file, for people: a line for each damage, and a line for the file.</summary>
internal static class InspectionText
{
    public static void Write(Inspection inspection, TextWriter output)
    {
        foreach (var finding in inspection.Damage)
        {
            output.WriteLine($"{inspection.Path}: {finding}");
        }

        if (inspection.DamageCount > inspection.Damage.Count)
        {
            output.WriteLine(Invariant($"{inspection.Path}: and {inspection.DamageCount - inspection.Damage.Count:N0} more"));
        }

        output.WriteLine($"{inspection.Path}: {Verdict(inspection)}");
    }

    /// <summary>The last line.</summary>
    public static string Verdict(Inspection inspection)
    {
        var lives = inspection.IsFinal ? "" : inspection.Writer == WriterState.Alive ? "; its writer lives" : "; its writer may live";
        var prepared = inspection.PreparedBytes > 0 ? $"{Quantity.Bytes(inspection.PreparedBytes)} of prepared space" : "";
        if (inspection is { IsSound: true, BatchesCount: 0, UnfinishedBytes: 0, PreparedBytes: > 0 })
        {
            return $"no records; {prepared}{lives}";
        }

        var verdict = inspection.DamageCount > 0
            ? $"DAMAGED: {Quantity.Bytes(inspection.DamagedBytes)} in {Quantity.Of(inspection.DamageCount, "place", "places")}"
            : inspection.HasNothingSound ? "NOTHING SOUND"
            : inspection.UnfinishedBytes > 0 ? "sound so far" : "sound";
        var offsets = inspection.FirstOffset is { } first ? Invariant($", offsets {first}..{inspection.LastOffset}") : "";
        var unfinished = inspection.IsFinal ? "" : $", {Quantity.Bytes(inspection.UnfinishedBytes)} after these not finished yet";
        return $"{verdict}; {Quantity.Of(inspection.BatchesCount, "batch", "batches")}, "
            + $"{Quantity.Of(inspection.RecordsCount, "record", "records")}"
            + offsets + lives + unfinished + (prepared.Length > 0 ? ", " + prepared : "");
    }

    /// <summary>Warns that a new file does not have all of the old one; false: it has all of it.</summary>
    public static bool WarnOfUnfinished(Inspection inspection, string created)
    {
        if (inspection.UnfinishedBytes == 0)
        {
            return false;
        }

        ErrorOutput.Say(
            $"{created} does not have the last {Quantity.Bytes(inspection.UnfinishedBytes)} of {inspection.Path}: the writer has not "
                + "finished them");
        return true;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
