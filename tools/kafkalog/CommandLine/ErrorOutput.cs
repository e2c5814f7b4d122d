using KafkaLog.Format;
using KafkaLog.Format.Records;

namespace KafkaLog.Tool.CommandLine;

/// <summary>Lines on standard error.</summary>
internal static class ErrorOutput
{
    /// <summary>The text may have names of files in it, so control characters are escaped.</summary>
    public static void Say(string what) => Console.Error.WriteLine($"kafkalog: {TerminalText.Of(what)}");

    /// <summary>Runs a command; an expected error is one line and an exit code.</summary>
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

    /// <summary>True if a file cannot be read, for a reason outside this program.</summary>
    public static bool IsUnreadable(Exception e) => e is IOException or UnauthorizedAccessException or UnsupportedBatchException;
}
