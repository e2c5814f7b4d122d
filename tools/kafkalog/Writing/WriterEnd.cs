using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Writing;

/// <summary>What a writer leaves behind.</summary>
internal static class WriterEnd
{
    /// <summary>The exit code; says what was lost.</summary>
    public static int Of(PatientWriter writer)
    {
        if (writer.LostRecords == 0 && !writer.HasGivenUp)
        {
            return ExitCode.Good;
        }

        ErrorOutput.Say(writer.LostRecords > 0
            ? $"{writer.LostRecords} records that were read could not be written before the end and are lost."
            : "The last records are written, but could not be forced to the disk.");
        return ExitCode.Bad;
    }
}
