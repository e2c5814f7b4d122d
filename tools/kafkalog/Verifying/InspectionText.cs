using System.Globalization;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Verifying;

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
        var verdict = inspection.IsSound
            ? "sound"
            : Invariant($"DAMAGED: {inspection.DamagedBytes:N0} bytes in {inspection.DamageCount:N0} places");
        var offsets = inspection.FirstOffset is { } first ? Invariant($", offsets {first}..{inspection.LastOffset}") : "";
        var lives = inspection.Writer == WriterState.Alive ? "lives" : "may live";
        var writer = inspection.IsFinal ? ""
            : Invariant($"; its writer {lives}, {inspection.UnfinishedBytes:N0} bytes after these are not finished yet, or new");
        return Invariant($"{verdict}; {inspection.BatchesCount:N0} batches, {inspection.RecordsCount:N0} records{offsets}{writer}");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
