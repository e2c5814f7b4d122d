using System.Globalization;
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
        var prepared = inspection.PreparedBytes > 0 ? Invariant($"{inspection.PreparedBytes:N0} bytes of prepared space") : "";
        if (inspection is { IsSound: true, BatchesCount: 0, UnfinishedBytes: 0, PreparedBytes: > 0 })
        {
            return $"no records; {prepared}{lives}";
        }

        var verdict = inspection.DamageCount > 0
            ? Invariant($"DAMAGED: {inspection.DamagedBytes:N0} bytes in {inspection.DamageCount:N0} places")
            : inspection.HasNothingSound ? "NOTHING SOUND"
            : inspection.UnfinishedBytes > 0 ? "sound so far" : "sound";
        var offsets = inspection.FirstOffset is { } first ? Invariant($", offsets {first}..{inspection.LastOffset}") : "";
        var unfinished = inspection.IsFinal ? "" : Invariant($", {inspection.UnfinishedBytes:N0} bytes after these are not finished yet");
        return Invariant($"{verdict}; {inspection.BatchesCount:N0} batches, {inspection.RecordsCount:N0} records")
            + offsets + lives + unfinished + (prepared.Length > 0 ? ", " + prepared : "");
    }

    /// <summary>Tells that a new file has not all of the old one; false: it has.</summary>
    public static bool WarnOfUnfinished(Inspection inspection, string created)
    {
        if (inspection.UnfinishedBytes == 0)
        {
            return false;
        }

        ErrorOutput.Say(Invariant(
            $"{inspection.Path}: {inspection.UnfinishedBytes:N0} bytes at the end are not in {created}: its writer has not finished them"));
        return true;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
