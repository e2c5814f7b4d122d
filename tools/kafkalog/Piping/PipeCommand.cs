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
          It reads no more until what it has read is as safe as --durability says. A line without its newline yet is only in
          memory. A line longer than --max-line becomes several records, all but the last with the header
          kafkalog.continued = 1; standard error says so. The default is the largest size that brokers and clients accept
          with their default settings.
          If the disk is full or fails, what was read is kept and nothing more is read, so the writer of the pipe waits. It
          tries again every second, reports every ten, and continues automatically. After a failed fsync (--durability
          synced) records are written again to a new segment, and may be there twice.
        Stopping:
          At the end of the input. On SIGTERM or SIGINT it writes what is in the pipe; what is written to the pipe later is
          lost, so stop the writer first. If the disk still fails, it gives up after ten seconds.

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
            Description = "The largest part of a line that goes into one record [default: 900KiB]",
            CustomParser = ArgumentParsers.Size(1, ContinuedHeader.MaxMaxLineBytes),
        };
        var tee = new Option<bool>("--tee") { Description = "Copy the input to standard output, after it is written" };
        var command = new Command("pipe", "Write standard input as a log, one record per line.");
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
