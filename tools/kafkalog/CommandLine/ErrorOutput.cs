using KafkaLog.Format;
using KafkaLog.Format.Records;

namespace KafkaLog.Tool.CommandLine;

/// <summary>Lines on standard error.</summary>
internal static class ErrorOutput
{
    /// <summary>Names of files stand in it, so it is written as for a terminal.</summary>
    public static void Say(string what) => Console.Error.WriteLine($"kafkalog: {TerminalText.Of(what)}");

    /// <summary>Runs a command; what is expected to go wrong is a line and an exit code.</summary>
    public static int Guard(Func<int> command)
    {
        try
        {
            return command();
        }
        catch (Exception e) when (e is UserErrorException || IsUnreadable(e))
        {
            Say(e.Message);
            return ExitCode.NotDone;
        }
        catch (OperationCanceledException)
        {
            Say("interrupted");
            return ExitCode.NotDone;
        }
    }

    /// <summary>What a file or the system may answer that is nobody's mistake here.</summary>
    public static bool IsUnreadable(Exception e) => e is IOException or UnauthorizedAccessException or UnsupportedBatchException;
}
