using System.CommandLine;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Verifying;

/// <summary><c>kafkalog verify</c>.</summary>
internal static class VerifyCommand
{
    public const string MoreHelp = """
        What it checks:
          The CRC of every batch, and every record in it. For each damage: the bytes (both ends inclusive), the reason, the
          last offset before it and the first after it. The last batch may be unfinished while its writer lives or may live.
          That is no damage: the report says "sound so far" and how many bytes are unfinished. It is damage if a sound batch
          follows it, or if no batch can begin with these bytes.
          --json: one object per line and file; damage has the first 1000, damageCount counts all.

        Exit codes:
          0  all files are sound
          1  something is damaged; or a file has bytes, but no sound batch
          2  a file could not be checked, or wrong arguments

        Examples:
          kafkalog verify /var/log/apps/*.szn
          kafkalog verify --json /var/log/apps | jq 'select(.sound | not)'
        """;

    public static Command Create(CancellationToken cancellation)
    {
        var paths =
            new Argument<string[]>("FILE|DIR") { Arity = ArgumentArity.OneOrMore, Description = "Segments, or directories of segments" };
        var json = new Option<bool>("--json") { Description = "One object per line and file" };
        var command = new Command("verify", "Check every batch and every record of segments.") { paths, json };
        command.SetAction(arguments => ErrorOutput.Guard(() =>
        {
            using var output = new CheckedOutput();
            return FileLoop.Run(
                SegmentFiles.Expand(arguments.GetRequiredValue(paths)),
                (file, progress) => Inspection.Of(file, null, progress, TimeProvider.System, cancellation),
                inspection => inspection.IsSound,
                arguments.GetValue(json)
                    ? inspection => InspectionJson.Write(inspection, output)
                    : inspection => InspectionText.Write(inspection, Console.Out));
        }));
        return command;
    }
}
