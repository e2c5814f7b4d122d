using KafkaFeeder.Tests;

namespace KafkaFeeder.Daemon.Tests.Support;

internal static class TempFolderExtensions
{
    /// <summary>Writes a file, with the directories it needs, and returns its path.</summary>
    public static string Write(this TempFolder folder, string name, string content)
    {
        string path = folder.File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
