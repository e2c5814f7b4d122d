using System.CommandLine;
using System.Text.RegularExpressions;
using HoleChecker.CommandLine;
using HoleChecker.Counting;
using KafkaFeeder;
using KafkaFeeder.CommandLine;

namespace HoleChecker.Verifying;

/// <summary><c>hole-checker verify</c>.</summary>
internal static class VerifyCommand
{
    public const string MoreHelp = """
        What it reads:
          All partitions from their beginning. Each message that holds "run=ID producer=N seq=N" counts for that run and
          producer, whose numbers begin with 1. All other messages are foreign: they are counted and otherwise ignored.
        When it ends:
          As soon as every partition is read to its end and, with --expect, that many different messages of each run were read; or
          when nothing new came for --idle-timeout.
        What it reports, per run and producer:
          received, distinct, holes (ranges, both ends inclusive, below the highest number that came), duplicates
          (repetitions of a number), out of order (first occurrences after a higher number in the same partition).
          Memory: about one bit per message; duplicates take none.
          With --no-duplicates also where the first duplicates are: partition, offset, number. The reading then ends where the
          partitions end when the last expected message has come. Stop what sends before you check: a duplicate may come later.

        Exit codes:
          0  no holes, and no run has fewer messages than expected; more than expected are reported
          1  holes, or fewer messages of a run than expected; with --no-duplicates: duplicates
          2  could not check: no broker answers, no such topic, no numbered message in it, a transaction is open in it that
             hides what comes after, wrong arguments

        Examples:
          hole-checker verify --bootstrap-server localhost:9092 --topic orders --expect 1000000
          hole-checker verify --bootstrap-server localhost:9092 --topic orders --run monday --expect 1000000 --no-duplicates
          hole-checker verify --bootstrap-server kafka:9093 --topic orders -X security.protocol=ssl --json
          hole-checker verify --bootstrap-server old:9092 --topic orders \
              -X api.version.request=false -X broker.version.fallback=0.9.0.1
          hole-checker verify --bootstrap-server localhost:9092 --topic web --pattern 'host=(?<producer>\w+) n=(?<seq>\d+)'
        """;

    public static Command Create()
    {
        var bootstrap = new Option<string>("--bootstrap-server")
        {
            Required = true,
            HelpName = "H:P",
            Description = "A broker, or several with commas",
        };
        var topic = new Option<string>("--topic") { Required = true, HelpName = "T", Description = "The topic" };
        var expect = new Option<long?>("--expect")
        {
            HelpName = "N",
            Description = "How many different messages there must be of each run, over all its producers",
            CustomParser = result => ArgumentParsers.Number(0)(result),
        };
        var run = new Option<string?>("--run") { HelpName = "ID", Description = "The only run that counts [default: all]" };
        var idle = new Option<TimeSpan?>("--idle-timeout")
        {
            HelpName = "DURATION",
            Description = $"How long to wait for something new, as 500ms, 10s, 2m [default: {VerifyOptions.DefaultTimeout.TotalSeconds}s]",
            CustomParser = result => ArgumentParsers.Duration(result),
        };
        var connect = new Option<TimeSpan?>("--connect-timeout")
        {
            HelpName = "DURATION",
            Description = $"How long to wait for the brokers' first answer [default: {VerifyOptions.DefaultTimeout.TotalSeconds}s]",
            CustomParser = result => ArgumentParsers.Duration(result),
        };
        var properties = new Option<KeyValuePair<string, string>[]>("-X")
        {
            HelpName = "name=value",
            Description = "A property of librdkafka; may be repeated",
            CustomParser = ArgumentParsers.Properties,
        };
        var pattern = new Option<string?>("--pattern")
        {
            HelpName = "REGEX",
            Description = "How else messages are numbered: a regular expression with the group seq, and run and producer if there are any",
        };
        var noDuplicates = new Option<bool>("--no-duplicates")
        {
            Description = "A number that came more than once is a fault: exit code 1",
        };
        var json = new Option<bool>("--json") { Description = "The report as JSON" };

        var command = new Command("verify", "Read a topic and report what is missing, repeated or out of order.")
        {
            bootstrap, topic, run, expect, noDuplicates, idle, connect, properties, pattern, json,
        };
        command.SetAction((arguments, cancellation) => Task.FromResult(Run(
            arguments.GetValue(pattern),
            read => new VerifyOptions
            {
                BootstrapServers = arguments.GetRequiredValue(bootstrap),
                Topic = arguments.GetRequiredValue(topic),
                Run = arguments.GetValue(run),
                Expected = arguments.GetValue(expect),
                NoDuplicates = arguments.GetValue(noDuplicates),
                IdleTimeout = arguments.GetValue(idle) ?? VerifyOptions.DefaultTimeout,
                ConnectTimeout = arguments.GetValue(connect) ?? VerifyOptions.DefaultTimeout,
                Properties = arguments.GetValue(properties) ?? [],
                Pattern = read,
            },
            arguments.GetValue(json),
            cancellation)));
        return command;
    }

    private static int Run(string? pattern, Func<MessagePattern?, VerifyOptions> makeOptions, bool isJson, CancellationToken cancellation)
    {
        if (!Librdkafka.TryLoad(out var problem))
        {
            return CouldNotCheck(problem!);
        }

        try
        {
            var options = makeOptions(pattern is null ? null : new MessagePattern(pattern));
            var verifier = new TopicVerifier(options, new SequenceMemory(), TimeProvider.System);
            var report = ProgressBar.Show($"reading {options.Topic}", progress => verifier.Run(progress, cancellation));
            if (report.IsEmpty)
            {
                return CouldNotCheck(NothingToCheck(options, report));
            }

            if (isJson)
            {
                using var output = new CheckedOutput();
                ReportJson.Write(report, output);
            }
            else
            {
                ReportText.Write(report, Console.Out);
            }

            return report.IsGood ? ExitCode.Good : ExitCode.Bad;
        }
        catch (Exception e) when (e is TopicReadException or SequenceMemoryException)
        {
            return CouldNotCheck(e.Message);
        }
        catch (RegexMatchTimeoutException)
        {
            return CouldNotCheck(
                "--pattern takes more than a second for one message: write it so that it has fewer ways to match (no nested repetition).");
        }
        catch (ArgumentException e) when (pattern is not null)
        {
            return CouldNotCheck($"--pattern is \"{pattern}\": {e.Message}");
        }
        catch (OperationCanceledException)
        {
            return CouldNotCheck("Interrupted before the topic was read.");
        }
    }

    private static string NothingToCheck(VerifyOptions options, VerifyReport report) =>
        options.Run is { } run && report.Tally.OfOtherRuns > 0
            ? $"Topic {options.Topic} holds no message of run {run}: nothing to check. Of other runs it holds {report.Tally.OfOtherRuns}."
            : $"Topic {options.Topic} holds no numbered message among its {report.Tally.Received}: nothing to check. "
                + "Is it the right topic? Are the messages numbered otherwise (--pattern)?";

    private static int CouldNotCheck(string reason)
    {
        Console.Error.WriteLine($"hole-checker: could not check: {reason}");
        return ExitCode.NotDone;
    }
}
