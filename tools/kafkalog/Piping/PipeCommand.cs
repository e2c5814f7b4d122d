using System.CommandLine;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Piping;

/// <summary><c>kafkalog pipe</c>.</summary>
internal static class PipeCommand
{
    public const string MoreHelp = """
        What it does:
          Each line of standard input becomes a record: its value is the line without the newline, its timestamp the time of
          reading. Empty lines are records with empty values; a last line needs no newline. The bytes are left as they are.
        Nothing is lost:
          Nothing more is read until what was read is as safe as --durability says; a line whose newline has not come yet is
          in memory only. A line longer than --max-line becomes several records, each but the last with the header
          kafkalog.continued = 1; this is told on standard error. The default is the most that brokers and clients take in
          their default settings.
          A full or failing disk: what was read is kept, nothing more is read (so the writer of the pipe waits), it is tried
          again every second and told every ten, and it goes on by itself. After a failed fsync (--durability synced) records
          are written again to a new segment, and may be there twice.
        Stopping:
          At the end of the input. On SIGTERM or SIGINT what lies in the pipe is taken and written; what its writer says
          later is lost: stop the writer first. A disk that still refuses is given up ten seconds later.

        Exit codes:
          0  everything that was read is written
          1  something was not: standard error says how much and why
          2  wrong arguments

        Examples:
          service 2>&1 | kafkalog pipe --dir /var/log/apps --component service
          service 2>&1 | kafkalog pipe --dir /var/log/apps --component service --tee | grep ERROR
          tail -n 0 -F access.log | kafkalog pipe --dir logs --component access --codec zstd --durability synced
        """;

    public static Command Create(CancellationToken stop)
    {
        var writerArguments = new WriterArguments();
        var maxLine = new Option<long>("--max-line")
        {
            HelpName = "SIZE",
            Description = "The most of a line that goes into one record [default: 900KiB]",
            CustomParser = ArgumentParsers.Size(1, ContinuedHeader.MaxMaxLineBytes),
        };
        var tee = new Option<bool>("--tee") { Description = "Copy the input to standard output, behind its writing" };
        var command = new Command("pipe", "Write standard input as a log, a record a line.");
        writerArguments.AddTo(command);
        command.Add(maxLine);
        command.Add(tee);
        command.SetAction(arguments => ErrorOutput.Guard(() =>
        {
            var writer = writerArguments.CreateWriter(arguments, stop);
            var maxLineBytes = arguments.GetResult(maxLine) is null
                ? ContinuedHeader.DefaultMaxLineBytes
                : (int)arguments.GetValue(maxLine);
            try
            {
                new Pipe(writer, maxLineBytes, arguments.GetValue(tee), TimeProvider.System, stop).Run();
            }
            finally
            {
                writer.Dispose();
            }

            return WriterEnd.Of(writer);
        }));
        return command;
    }
}
