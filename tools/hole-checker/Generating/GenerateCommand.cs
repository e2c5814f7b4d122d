using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using HoleChecker.CommandLine;
using KafkaFeeder.CommandLine;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;

namespace HoleChecker.Generating;

/// <summary><c>hole-checker generate</c>.</summary>
internal static class GenerateCommand
{
    public const string MoreHelp = """
        What it writes:
          Segments of D named ..._UTC-COMPONENT.szn, as an application's sink does. The messages are compact JSON with
          "run=ID producer=N seq=N" in them; each producer is a thread and counts from 1; together they write --count.
          On Ctrl-C it writes what was appended and reports the number of messages, for verify --expect.

        Exit codes:
          0  everything was written
          1  not everything was written: the disk refused, or it was interrupted
          2  wrong arguments

        Examples:
          hole-checker generate --dir /var/log/apps/orders --component orders --count 1000000
          hole-checker generate --dir logs --component t --count 60_000 --rate 1000 --producers 4 --keyed \
              --interval 60 --durability flushed --codec gzip
        """;

    public static Command Create()
    {
        var dir =
            new Option<string>("--dir") { Required = true, HelpName = "D", Description = "Where the segments go; made if it is missing" };
        var component = new Option<string>("--component")
        {
            Required = true,
            HelpName = "C",
            Description = "The log's name in the names of its segments",
        };
        var count = Number("--count", "N", "How many messages, of all producers together", 1);
        count.Required = true;
        var rate = new Option<long?>("--rate")
        {
            HelpName = "R",
            Description = "Messages a second, of all producers together; as fast as possible if left out",
            CustomParser = result => ArgumentParsers.Number(1)(result),
        };
        var producers = Number("--producers", "P", "How many threads write at once", 1, 1, 1000);
        var size = Number("--size", "BYTES", "The size of each message; longer if its content is", 1, 170, 16 << 20);
        var interval = Number("--interval", "SECONDS", "When segments roll; it divides 3600 or 86400", 1, 3600, 86400);
        var maxBytes = Number("--max-bytes", "BYTES", "The size at which a segment rolls before its time", 1, 1L << 30);
        var durability = new Option<Durability>("--durability")
        {
            HelpName = "buffered|flushed|synced",
            Description = "How safe a message is before the next one is written",
            DefaultValueFactory = _ => Durability.Buffered,
            CustomParser =
                ArgumentParsers.OneOf(("buffered", Durability.Buffered), ("flushed", Durability.Flushed), ("synced", Durability.Synced)),
        };
        var codec = CodecOption.Create();
        var keyed = new Option<bool>("--keyed") { Description = "The producer's number as the key of its messages" };
        var run = new Option<string?>("--run")
        {
            HelpName = "ID",
            Description = "A name for this run: letters, digits, '.', '_', '-'; made up if left out",
        };

        var command = new Command("generate", "Write numbered messages into segments, as an application would.")
        {
            dir, component, count, rate, producers, size, interval, maxBytes, durability, codec, keyed, run,
        };
        run.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } id && !IsValidRun(id))
            {
                result.AddError($"--run is \"{id}\"; it must be 1 to 100 letters, digits, '.', '_' or '-'.");
            }
        });
        command.SetAction((arguments, cancellation) => RunAsync(
            new GenerateOptions
            {
                Count = arguments.GetValue(count),
                Producers = (int)arguments.GetValue(producers),
                Rate = arguments.GetValue(rate),
                ValueBytes = (int)arguments.GetValue(size),
                Run = arguments.GetValue(run) ?? NewRun(),
                IsKeyed = arguments.GetValue(keyed),
                Durability = arguments.GetValue(durability),
            },
            new LogWriterOptions
            {
                Directory = arguments.GetRequiredValue(dir),
                Component = arguments.GetRequiredValue(component),
                Interval = TimeSpan.FromSeconds(arguments.GetValue(interval)),
                FileSizeLimitBytes = arguments.GetValue(maxBytes),
                Codec = arguments.GetValue(codec),
                OnError = error => Console.Error.WriteLine($"hole-checker: {error.Message}"),
            },
            cancellation));
        return command;
    }

    private static async Task<int> RunAsync(GenerateOptions options, LogWriterOptions writerOptions, CancellationToken cancellation)
    {
        var faults = writerOptions.Validate();
        if (faults.Count > 0)
        {
            Console.Error.WriteLine($"hole-checker: {string.Join(" ", faults)}");
            return ExitCode.NotDone;
        }

        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        long written;
        var outcome = Outcome.Done;
        try
        {
            Directory.CreateDirectory(writerOptions.Directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"hole-checker: nothing is written: {writerOptions.Directory} cannot be made: {e.Message}");
            return ExitCode.Bad;
        }

        using (var writer = new LogWriter(writerOptions))
        {
            var generator = new MessageGenerator(options, writer, time);
            try
            {
                await generator.RunAsync(cancellation);
                writer.Flush();
            }
            catch (Exception e) when (e is LogWriteException or IOException or UnauthorizedAccessException)
            {
                outcome = Outcome.Stopped(e.Message);
            }
            catch (OperationCanceledException)
            {
                outcome = Outcome.Stopped("interrupted");
            }

            writer.Dispose(); // writes what is queued, and counts what it could not
            written = generator.Written - writer.DroppedRecords;
        }

        var seconds = time.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"run={options.Run}: {written} messages of {options.Producers} producers written to {writerOptions.Directory} in "
                + $"{seconds:0.0} s ({written / Math.Max(seconds, 0.001):N0}/s)"));
        if (outcome.IsDone && written == options.Count)
        {
            return ExitCode.Good;
        }

        Console.Error.WriteLine(
            $"hole-checker: {options.Count - written} of {options.Count} messages were not written"
                + (outcome.IsDone ? "" : $": {outcome.Why}"));
        return ExitCode.Bad;
    }

    private static Option<long> Number(
        string name, string helpName, string description, long minimum, long? standard = null, long maximum = long.MaxValue)
    {
        var option = new Option<long>(name)
        {
            HelpName = helpName,
            Description = description,
            CustomParser = ArgumentParsers.Number(minimum, maximum),
        };
        if (standard is { } value)
        {
            option.DefaultValueFactory = _ => value;
        }

        return option;
    }

    private static bool IsValidRun(string run) =>
        run.Length is >= 1 and <= 100 && run.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>A name that no other run has: the time, and a random number for runs of the same second.</summary>
    private static string NewRun() => string.Create(
        CultureInfo.InvariantCulture, $"{TimeProvider.System.GetUtcNow():yyyyMMddTHHmmss}-"
            + $"{RandomNumberGenerator.GetHexString(6, lowercase: true)}");

    /// <summary>Whether the generator came to its end.</summary>
    /// <param name="IsDone">False: it stopped before.</param>
    /// <param name="Why">Why it stopped; "" if it is done.</param>
    private readonly record struct Outcome(bool IsDone, string Why)
    {
        public static Outcome Done => new(true, "");

        public static Outcome Stopped(string why) => new(false, why);
    }
}
