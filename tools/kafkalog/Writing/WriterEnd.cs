using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Writing;

/// <summary>How a command that writes a log ends.</summary>
internal static class WriterEnd
{
    /// <summary>Returns the exit code, and reports what was lost.</summary>
    public static int Of(PatientWriter writer)
    {
        if (writer.LostRecords == 0 && !writer.HasGivenUp)
        {
            return ExitCode.Good;
        }

        ErrorOutput.Say(writer.LostRecords > 0
            ? $"{Quantity.Of(writer.LostRecords, "record", "records")} lost: read, but not written before the end."
            : "The last records are written, but could not be forced to the disk.");
        return ExitCode.Bad;
    }
}
