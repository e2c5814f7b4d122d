using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Reading;

/// <summary>Finds the files that the arguments name.</summary>
internal static class SegmentFiles
{
    /// <summary>Files as they are; of a directory its segments, by component and then by name, that is by time.</summary>
    /// <param name="paths">What the user gave.</param>
    /// <param name="component">Of a directory only this one's segments; null: all.</param>
    /// <exception cref="UserErrorException">A directory has no segments.</exception>
    public static IReadOnlyList<string> Expand(IEnumerable<string> paths, string? component = null)
    {
        var files = new List<string>();
        foreach (var path in paths)
        {
            if (!Directory.Exists(path))
            {
                files.Add(Followed(path));
                continue;
            }

            var before = files.Count;
            files.AddRange(SegmentsOf(path)
                .Where(name => component is null || name.Component == component)
                .OrderBy(name => name.Component, StringComparer.Ordinal).ThenBy(name => name)
                .Select(name => Path.Combine(path, name.FileName)));
            if (files.Count == before)
            {
                throw new UserErrorException(
                    $"{path} holds no segment{(component is null ? "" : $" of {component}")}: expected files named "
                        + $"..._UTC-{component ?? "COMPONENT"}.szn. Give the files themselves if they have other names.");
            }
        }

        return files;
    }

    /// <summary>The segments of a directory, in no order.</summary>
    public static IEnumerable<SegmentName> SegmentsOf(string directory) =>
        Directory.EnumerateFiles(directory, "*" + SegmentName.Extension).Select(path => SegmentName.TryParse(Path.GetFileName(path)))
            .OfType<SegmentName>();

    /// <summary>The first segment of the same log after <paramref name="name"/>; null if there is none yet.</summary>
    public static string? NextOf(string directory, SegmentName name) =>
        SegmentsOf(directory).Where(other => other.Component == name.Component && other > name).Min() is { } next
            ? Path.Combine(directory, next.FileName)
            : null;

    /// <summary>The file that a link leads to: whoever names a link means that file. The format's reader follows no links.</summary>
    public static string Followed(string path) =>
        File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target ? target.FullName : path;
}
