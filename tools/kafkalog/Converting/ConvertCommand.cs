using System.CommandLine;
using System.Globalization;
using KafkaFeeder.CommandLine;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Reading;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Converting;

/// <summary><c>kafkalog convert</c>.</summary>
internal static class ConvertCommand
{
    private const int DefaultBatchBytes = 64 * 1024;

    public const string MoreHelp = """
        What it does:
          Writes the records of FILE, with their offsets and timestamps, into NEW, in another magic, codec or size of
          batches, and forces it to the disk. NEW must not exist. FILE is never changed. If the command fails, NEW is removed.
          Magic 0 and 1 have no headers: the command fails at a record with headers. Magic 0 has no timestamps either; a record without
          one has -1 in magic 1 and 2. Timestamps that a broker gave (LogAppendTime) become the record's own.
          Control batches are left out, so records of aborted transactions are in NEW like all others.
          zstd needs magic 2.

        Exit codes:
          0  NEW is written
          1  NEW is written, without damage in FILE, or without the batch that its writer has not finished
          2  NEW is not written: FILE cannot be read, NEW exists, a record does not fit, wrong arguments

        Examples:
          kafkalog convert 00000000000000000000.log --output new.szn --codec zstd
          kafkalog convert 20261121_100000_3600_UTC-orders.szn --output orders.magic0 --magic 0 --codec gzip
        """;

    public static Command Create(CancellationToken cancellation)
    {
        var file = new Argument<string>("FILE") { Description = "The segment" };
        var output =
            new Option<string>("--output") { Required = true, HelpName = "NEW", Description = "Where the records go; must not exist" };
        var magic = new Option<byte>("--magic")
        {
            HelpName = "0|1|2",
            Description = "The version of the format",
            DefaultValueFactory = _ => 2,
            CustomParser = ArgumentParsers.OneOf(("0", (byte)0), ("1", (byte)1), ("2", (byte)2)),
        };
        var codec = CodecOption.Create();
        var batchBytes = new Option<long>("--batch-bytes")
        {
            HelpName = "SIZE",
            Description = "The size at which a batch is closed, before compression [default: 64KiB]",
            CustomParser = ArgumentParsers.Size(1, 16 << 20),
        };
        var command = new Command("convert", "Write the records of a segment into a new one of another magic, codec or batch size.")
        {
            file, output, magic, codec, batchBytes,
        };
        command.SetAction(arguments => ErrorOutput.Guard(() =>
        {
            var source = SegmentFiles.Followed(arguments.GetRequiredValue(file));
            var created = arguments.GetRequiredValue(output);
            using (SegmentHandle.OpenForReading(source))
            {
                // A file that cannot be read is reported before a new one is created.
            }

            using var writer = CreateWriter(
                created,
                arguments.GetValue(magic),
                arguments.GetValue(codec),
                arguments.GetResult(batchBytes) is null ? DefaultBatchBytes : (int)arguments.GetValue(batchBytes));
            return Run(source, created, writer, cancellation);
        }));
        return command;
    }

    private static int Run(string source, string created, SegmentWriter writer, CancellationToken cancellation)
    {
        var conversion = new Conversion(writer);
        var inspection =
            FileProgress.Show(source, progress => Inspection.Of(source, conversion, progress, TimeProvider.System, cancellation));
        writer.Complete();

        InspectionText.Write(inspection, Console.Out);
        var control = conversion.ControlBatches > 0
            ? $"; {Quantity.Of(conversion.ControlBatches, "control batch", "control batches")} left out"
            : "";
        Console.WriteLine(
            $"{created}: {Quantity.Of(conversion.Records, "record", "records")}, {Quantity.Bytes(new FileInfo(created).Length)}{control}");
        NewFile.WarnIfShipped(source, created);
        var isPartial = InspectionText.WarnOfUnfinished(inspection, created);
        return inspection.IsSound && !isPartial ? ExitCode.Good : ExitCode.Bad;
    }

    private static SegmentWriter CreateWriter(string path, byte magic, CompressionType codec, int batchBytes)
    {
        try
        {
            return SegmentWriter.Create(path, magic, codec, batchBytes);
        }
        catch (ArgumentException e)
        {
            throw new UserErrorException($"--magic {magic} with --codec {codec.ToString().ToLowerInvariant()}: {e.Message}");
        }
    }
}
