using System.CommandLine;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Stats;

/// <summary><c>kafkalog stats</c>.</summary>
internal static class StatsCommand
{
    public const string MoreHelp = """
        What it reports for each file:
          Size; batches and records by magic and codec, with their bytes before and after compression (the ratio is
          stored/uncompressed); control batches; offsets and the gaps between them (a compacted log has gaps, a log of KafkaLog has none);
          timestamps, lowest and highest (UTC); records per batch; how many records have keys and headers; the segment's
          identity, if its writer gave one; whether its writer lives; damage, as verify does.

        Exit codes:
          0  all files are sound
          1  something is damaged
          2  a file could not be read, or wrong arguments

        Examples:
          kafkalog stats /var/log/apps/*_UTC-orders.szn
          kafkalog stats --json /var/log/apps | jq -s 'map(.records) | add'
        """;

    public static Command Create(CancellationToken cancellation)
    {
        var paths =
            new Argument<string[]>("FILE|DIR") { Arity = ArgumentArity.OneOrMore, Description = "Segments, or directories of segments" };
        var json = new Option<bool>("--json") { Description = "One object per line and file" };
        var command = new Command("stats", "Report what segments contain.") { paths, json };
        command.SetAction(arguments => ErrorOutput.Guard(() =>
        {
            using var output = new CheckedOutput();
            return FileLoop.Run(
                SegmentFiles.Expand(arguments.GetRequiredValue(paths)),
                (file, progress) =>
                {
                    var stats = new SegmentStats();
                    return (Stats: stats, Inspection: Inspection.Of(file, stats, progress, TimeProvider.System, cancellation));
                },
                found => found.Inspection.IsSound,
                found =>
                {
                    if (arguments.GetValue(json))
                    {
                        StatsJson.Write(found.Stats, found.Inspection, output);
                    }
                    else
                    {
                        StatsText.Write(found.Stats, found.Inspection, Console.Out);
                    }
                });
        }));
        return command;
    }
}
