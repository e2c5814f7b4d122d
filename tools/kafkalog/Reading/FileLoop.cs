using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Reading;

/// <summary>Does something with each of some files; one that cannot be read does not stop the others.</summary>
internal static class FileLoop
{
    /// <param name="files">The files.</param>
    /// <param name="read">Reads one; gets what to tell how many bytes are done, of how many.</param>
    /// <param name="isSound">Whether what was found is without damage.</param>
    /// <param name="write">Prints what was found.</param>
    /// <returns>The exit code.</returns>
    public static int Run<T>(IEnumerable<string> files, Func<string, Action<long, long>, T> read, Func<T, bool> isSound, Action<T> write)
    {
        var worst = ExitCode.Good;
        foreach (var file in files)
        {
            var code = ExitCode.NotDone;
            try
            {
                var found = FileProgress.Show(file, progress => read(file, progress));
                write(found);
                code = isSound(found) ? ExitCode.Good : ExitCode.Bad;
            }
            catch (Exception e) when (ErrorOutput.IsUnreadable(e) && e is not OutputException) // concerns all files: reported once
            {
                ErrorOutput.Say(e.Message);
            }

            worst = Math.Max(worst, code);
        }

        return worst;
    }
}

/// <summary>A progress bar for a file that takes long enough to need one.</summary>
internal static class FileProgress
{
    private const long LargeBytes = 64L << 20;

    public static T Show<T>(string file, Func<Action<long, long>, T> work) =>
        File.Exists(file) && new FileInfo(file).Length >= LargeBytes
            ? ProgressBar.Show(Path.GetFileName(file), work)
            : work(static (_, _) => { });
}
