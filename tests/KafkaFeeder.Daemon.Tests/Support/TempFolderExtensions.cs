using KafkaFeeder.Tests;

namespace KafkaFeeder.Daemon.Tests.Support;

internal static class TempFolderExtensions
{
    /// <summary>Writes a file, with the directories it needs, and returns its path.</summary>
    public static string Write(this TempFolder folder, string name, string content)
    {
        var path = folder.File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    /// <summary>The files of a directory in it, by their full names, in order.</summary>
    public static string[] FilesIn(this TempFolder folder, string name) =>
        [.. Directory.GetFiles(folder.File(name)).Order(StringComparer.Ordinal)];
}
