using System.CommandLine;
using KafkaFeeder.CommandLine;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Native;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Cat;

/// <summary><c>kafkalog cat</c>.</summary>
internal static class CatCommand
{
    public const string MoreHelp = """
        What it prints:
          The value of each record and a newline, as the bytes are; but on a terminal control characters, which could command
          it, are shown as \x1b, unless --raw. A null key or value is printed as an empty one.
          Control records are left out; records of aborted transactions are there.
          --json: an object a line: offset, timestamp (ms since 1970 UTC), timestampType (CreateTime, LogAppendTime), key,
          value, headers as [[name, value], ...]; null is null. Magic 0 has no timestamps: null. Bytes that are not UTF-8
          become replacement characters (U+FFFD): take --base64 where it matters, then key, value, names and values of
          headers are all base64.
        Ranges:
          --from (inclusive) and --to (exclusive) are an offset (1234) or a time: ISO 8601, UTC if it says nothing else, or
          @ and ms since 1970. Each record is judged by itself; offsets count from 0 in each file. Records without a
          timestamp are in no range of time.
        Directories:
          Their segments (..._UTC-COMPONENT.szn) in the order of time, component by component.
        Following (-f):
          One FILE, or one DIR with --component. Waits for more while the writer lives, then goes on with the next segment of
          the same log, as it comes. A file that has no segment's name ends with its writer.
        Damage:
          A line on standard error with the bytes; what is behind it is printed. A last batch that its writer has not finished,
          which lives or may live, is no damage: a line on standard error tells how many bytes are not printed. With -f it
          tells once where it waits, when a batch has not become whole in 2 s; a sound batch behind it makes it damage.

        Exit codes:
          0  printed; also when interrupted, or when nobody reads the output any more
          1  printed, but for damage; or nothing sound is in a file
          2  a file could not be read, or wrong arguments

        Examples:
          kafkalog cat /var/log/apps/20261121_100000_3600_UTC-orders.szn
          kafkalog cat --json --from 2026-11-21T10:00:00Z --to 2026-11-21T10:05:00Z /var/log/apps --component orders
          kafkalog cat -f /var/log/apps --component orders | grep ERROR
          kafkalog cat --raw colours.szn
          kafkalog cat --key --from 1000 --to 1010 00000000000000000000.log
        """;

    public static Command Create(CancellationToken cancellation)
    {
        var paths =
            new Argument<string[]>("FILE|DIR") { Arity = ArgumentArity.OneOrMore, Description = "Segments, or directories of segments" };
        var json = new Option<bool>("--json") { Description = "An object a line instead of the value" };
        var base64 = new Option<bool>("--base64") { Description = "With --json: keys, values and headers as base64" };
        var key = new Option<bool>("--key") { Description = "The key and a tab before the value" };
        var raw = new Option<bool>("--raw") { Description = "The bytes as they are, also on a terminal" };
        var from = Bound("--from", "The first record, by offset or time");
        var to = Bound("--to", "Where to stop, by offset or time; exclusive");
        var follow = new Option<bool>("--follow", "-f") { Description = "Wait for more, also across rolls" };
        var component = new Option<string?>("--component") { HelpName = "C", Description = "Of a directory, only this log" };

        var command = new Command("cat", "Print the records of segments.") { paths, json, base64, key, raw, from, to, follow, component };
        command.Validators.Add(result =>
        {
            if (result.GetValue(base64) && !result.GetValue(json))
            {
                result.AddError("--base64 goes with --json: text is printed as the bytes are.");
            }

            if (result.GetValue(key) && result.GetValue(json))
            {
                result.AddError("--key is for text: --json always has the key.");
            }
        });
        command.SetAction(arguments => ErrorOutput.Guard(() =>
        {
            var range = new RecordRange(arguments.GetValue(from), arguments.GetValue(to));
            using IRecordFormat format = arguments.GetValue(json)
                ? new JsonFormat(arguments.GetValue(base64))
                : new TextFormat(arguments.GetValue(key), isForTerminal: !arguments.GetValue(raw) && StandardStreams.IsOutputTerminal());
            var output = new OutputBuffer();
            var printer = new RecordPrinter(range, format, output, TimeProvider.System, cancellation);
            return Run(
                printer,
                output,
                arguments.GetRequiredValue(paths),
                arguments.GetValue(component),
                arguments.GetValue(follow),
                cancellation);
        }));
        return command;
    }

    private static int Run(
        RecordPrinter printer, OutputBuffer output, string[] paths, string? component, bool follows, CancellationToken cancellation)
    {
        var couldNotRead = false;
        try
        {
            if (follows)
            {
                Follow(printer, paths, component);
            }
            else
            {
                foreach (var file in SegmentFiles.Expand(paths, component).TakeWhile(_ => !cancellation.IsCancellationRequested))
                {
                    couldNotRead |= !TryPrint(printer, output, file);
                }
            }

            output.Flush();
        }
        catch (OutputClosedException)
        {
            // Whoever read it has enough.
        }

        return couldNotRead ? ExitCode.NotDone : printer.HasMetDamage ? ExitCode.Bad : ExitCode.Good;
    }

    private static bool TryPrint(RecordPrinter printer, OutputBuffer output, string file)
    {
        try
        {
            printer.Print(file);
            return true;
        }
        catch (Exception e) when (ErrorOutput.IsUnreadable(e) && e is not OutputClosedException)
        {
            output.Flush();
            ErrorOutput.Say(e.Message);
            return false;
        }
    }

    private static void Follow(RecordPrinter printer, string[] paths, string? component)
    {
        if (paths.Length != 1)
        {
            throw new UserErrorException(
                $"-f follows one log: expected one FILE, or one DIR with --component; found {paths.Length} paths. Start one kafkalog for "
                    + "each.");
        }

        var path = paths[0];
        if (File.Exists(path))
        {
            printer.Follow(SegmentFiles.Followed(path));
            return;
        }

        if (!SegmentName.IsValidComponent(component))
        {
            throw new UserErrorException(
                $"{path} {(Directory.Exists(path) ? "is a directory" : "does not exist")}: -f expects a FILE, or a DIR with --component, "
                    + "which says whose segments to follow.");
        }

        if (printer.WaitForFirst(path, component) is { } first)
        {
            printer.Follow(first);
        }
    }

    private static Option<RangeBound?> Bound(string name, string description) => new(name)
    {
        HelpName = "OFFSET|TIME",
        Description = description,
        CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            if (RangeBound.Parse(text) is not { } bound)
            {
                result.AddError($"{name} is \"{text}\"; it must be {RangeBound.Expected}.");
                return null;
            }

            return bound;
        },
    };
}
