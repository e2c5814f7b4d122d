using System.CommandLine;
using System.Globalization;
using KafkaFeeder.CommandLine;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Reading;
using Microsoft.Win32.SafeHandles;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Recovering;

/// <summary><c>kafkalog recover</c>.</summary>
internal static class RecoverCommand
{
    public const string MoreHelp = """
        What it does:
          Copies the sound batches of FILE, byte for byte, into NEW, which must not exist, and forces it to the disk. FILE is
          never changed. Damage is listed and left out; --damaged copies those bytes, one range after the other, in the order
          of the list. A damaged base offset (no CRC covers it) is corrected in NEW if the batch's sequence gives it. If the
          command fails, NEW is removed.
          Offsets stay as they are, so NEW has gaps where FILE has damage.
          It refuses while the writer of FILE lives or may live. The writer may live where locks are not reliable (NFS, SMB,
          FUSE), or if another program wrote FILE: until two minutes after the interval in FILE's name is over. With --force
          it copies the file anyway, without the batch that the writer has not finished.

        Exit codes:
          0  NEW is written; nothing was damaged
          1  NEW is written; damage was left out, or with --force what FILE's writer has not finished
          2  NEW is not written: FILE cannot be read, NEW exists, FILE's writer lives or may live, wrong arguments

        Examples:
          kafkalog recover 20261121_100000_3600_UTC-orders.szn --output orders.recovered --damaged orders.damaged
        """;

    public static Command Create(CancellationToken cancellation)
    {
        var file = new Argument<string>("FILE") { Description = "The segment" };
        var output = new Option<string>("--output")
        {
            Required = true,
            HelpName = "NEW",
            Description = "Where the sound batches go; must not exist",
        };
        var damaged = new Option<string?>("--damaged") { HelpName = "FILE2", Description = "Where the damaged bytes go; must not exist" };
        var force = new Option<bool>("--force") { Description = "Also while the writer lives, or may live" };
        var command = new Command("recover", "Copy the sound batches of a damaged segment into a new file.")
        {
            file, output, damaged, force,
        };
        command.SetAction(arguments => ErrorOutput.Guard(() => Run(
            SegmentFiles.Followed(arguments.GetRequiredValue(file)),
            arguments.GetRequiredValue(output),
            arguments.GetValue(damaged),
            arguments.GetValue(force),
            TimeProvider.System,
            cancellation)));
        return command;
    }

    /// <exception cref="UserErrorException">The file's writer may still write to it.</exception>
    internal static void ThrowIfNotFinal(string file, SafeFileHandle source, TimeProvider time)
    {
        var writer = SegmentLock.Probe(source);
        var name = SegmentName.TryParse(Path.GetFileName(file));
        var modified = SegmentHandle.Stat(source).Modified;
        if (writer == WriterState.Alive)
        {
            throw new UserErrorException(
                $"the writer of {file} lives, so the file is not complete yet. Wait until the writer has ended, or use --force.");
        }

        if (!SegmentFinality.IsFinal(writer, name, modified, time.GetUtcNow()))
        {
            var final = SegmentFinality.FinalAt(name, modified).ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
            throw new UserErrorException(string.Create(
                CultureInfo.InvariantCulture,
                $"the writer of {file} may live: wait until {final}, or use --force."));
        }
    }

    private static int Run(
        string file, string output, string? damagedOutput, bool isForced, TimeProvider time, CancellationToken cancellation)
    {
        using var source = SegmentHandle.OpenForReading(file);
        if (!isForced)
        {
            ThrowIfNotFinal(file, source, time);
        }

        using var sound = new NewFile(output);
        using var damaged = damagedOutput is null ? null : new NewFile(damagedOutput);
        var recovery = new Recovery(source, sound, damaged);
        var inspection = FileProgress.Show(file, progress => Inspection.Of(file, recovery, progress, time, cancellation));
        damaged?.Complete();
        sound.Complete();

        InspectionText.Write(inspection, Console.Out);
        var repaired = recovery.Repaired > 0 ? $"; {Quantity.Of(recovery.Repaired, "base offset", "base offsets")} repaired" : "";
        Console.WriteLine($"{output}: {Quantity.Of(recovery.Batches, "batch", "batches")}, {Quantity.Bytes(recovery.Bytes)}{repaired}");
        NewFile.WarnIfShipped(file, output);
        var isPartial = InspectionText.WarnOfUnfinished(inspection, output);
        return inspection.IsSound && !isPartial ? ExitCode.Good : ExitCode.Bad;
    }
}
