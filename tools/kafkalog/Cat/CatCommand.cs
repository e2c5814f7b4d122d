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
          The bytes of each record's value, then a newline. On a terminal control characters are escaped, such as \x1b,
          because they could change the terminal; --raw prints them. A null key or value is printed as an empty one.
          Control records are left out; records of aborted transactions are printed.
          --json: one object per line: offset, timestamp (ms since 1970 UTC), timestampType (CreateTime, LogAppendTime),
          key, value, headers as [[name, value], ...]; null is null. Magic 0 has no timestamps: null. Bytes that are not
          UTF-8 become replacement characters (U+FFFD). If that matters, use --base64: then keys, values, and names and
          values of headers are all base64.
        Ranges:
          --from (inclusive) and --to (exclusive) are an offset (1234) or a time: ISO 8601, in UTC without a time zone, or
          @ and ms since 1970. They are compared with each record; offsets count from 0 in each file. A record without a
          timestamp is never in a range of time.
        Directories:
          Their segments (..._UTC-COMPONENT.szn) in order of time, one component after another.
        Following (-f):
          One FILE, or one DIR with --component. Waits for more while the writer lives, then continues with the next segment
          of the same log. For a file that is not named like a segment it ends when the writer is gone.
        Damage:
          Damage is reported on standard error with its bytes; what comes after it is printed. The last batch may be
          unfinished while its writer lives or may live. That is no damage: a line on standard error says how many bytes are
          not printed. With -f, a line says once where it waits if a batch is not complete after 2 s. If a sound batch
          follows it, it is damage.

        Exit codes:
          0  printed; also when interrupted, or when the reader of the output has closed it
          1  printed, except for damage; or a file has no sound batch
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
        var json = new Option<bool>("--json") { Description = "One object per line instead of the value" };
        var base64 = new Option<bool>("--base64") { Description = "With --json: keys, values and headers as base64" };
        var key = new Option<bool>("--key") { Description = "The key and a tab before the value" };
        var raw = new Option<bool>("--raw") { Description = "Do not escape control characters on a terminal" };
        var from = Bound("--from", "The first record, by offset or time");
        var to = Bound("--to", "Where to stop, by offset or time; exclusive");
        var follow = new Option<bool>("--follow", "-f") { Description = "Wait for more, also across rolls" };
        var component = new Option<string?>("--component") { HelpName = "C", Description = "Only this log of a directory" };

        var command = new Command("cat", "Print the records of segments.") { paths, json, base64, key, raw, from, to, follow, component };
        command.Validators.Add(result =>
        {
            if (result.GetValue(base64) && !result.GetValue(json))
            {
                result.AddError("--base64 needs --json: without it the bytes are printed as they are.");
            }

            if (result.GetValue(key) && result.GetValue(json))
            {
                result.AddError("--key is not for --json, which always has the key.");
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
            // The reader has closed the output.
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
