using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace KafkaFeeder.Daemon.Tests;

/// <summary>The lock files by which a restore checks packages: see docs/SECURITY.md.</summary>
public sealed partial class LockFileTests
{
    private static readonly string Root = DocumentationTests.RepositoryRoot();

    public static TheoryData<string> Files =>
    [
        .. Projects(Root).Select(project => LockFile(project, "packages.lock.json")),
        .. Packaged().Select(project => LockFile(project, "packages.packaged.lock.json")),
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public void Each_lock_file_has_a_hash_for_each_package(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, file)));
        var packages = json.RootElement.GetProperty("dependencies").EnumerateObject()
            .SelectMany(framework => framework.Value.EnumerateObject())
            .Where(package => package.Value.GetProperty("type").GetString() != "Project");
        Assert.All(packages, package => Assert.Equal(64, package.Value.GetProperty("contentHash").GetBytesFromBase64().Length));
    }

    private static string LockFile(string project, string name) =>
        Path.GetRelativePath(Root, Path.Combine(Path.GetDirectoryName(project)!, name));

    private static IEnumerable<string> Projects(string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*.csproj"),
        .. Directory.EnumerateDirectories(folder).Where(d => Path.GetFileName(d) is not ("bin" or "obj" or "out" or ".git")).SelectMany(
            Projects),
    ];

    /// <summary>The projects of the programs in the Debian packages, and the projects that these refer to.</summary>
    private static HashSet<string> Packaged()
    {
        var programs = ProgramsLine().Match(File.ReadAllText(Path.Combine(Root, "packaging", "deb", "build"))).Groups[1].Value;
        var found = new HashSet<string>();
        var next = new Queue<string>(
            programs.Split(' ').Select(p => Directory.GetFiles(Path.Combine(Root, p.Split(':')[0]), "*.csproj").Single()));
        while (next.TryDequeue(out var project))
        {
            if (found.Add(project))
            {
                foreach (var reference in XDocument.Load(project).Descendants("ProjectReference"))
                {
                    next.Enqueue(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, reference.Attribute("Include")!.Value)));
                }
            }
        }

        return found;
    }

    [GeneratedRegex(@"^programs=\((.*)\)$", RegexOptions.Multiline)]
    private static partial Regex ProgramsLine();
}
