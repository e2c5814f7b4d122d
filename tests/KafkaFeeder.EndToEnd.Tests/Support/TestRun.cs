using KafkaFeeder.EndToEnd.Tests.Support;
using Xunit;

[assembly: AssemblyFixture(typeof(TestRun))]
// Each test has processes of its own and a cluster of up to four JVMs: two at once on two cores would only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>
/// What holds for the whole run of this assembly: where the repository is, and one temporary folder for everything that
/// tests write, removed at the end.
/// </summary>
public sealed class TestRun : IDisposable
{
    private static readonly Lazy<string> LazyFolder = new(() => Directory.CreateTempSubdirectory("kafkafeeder-tests-").FullName);
    private static int _count;

    /// <summary>The folder that holds KafkaFeeder.sln.</summary>
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    /// <summary>A name for a new folder of the run's own, which does not exist yet; <paramref name="name"/> is part of it.</summary>
    public static string NewFolderName(string name) => Path.Combine(LazyFolder.Value, $"{name}-{Interlocked.Increment(ref _count)}");

    /// <summary>A new, empty folder of the run's own.</summary>
    public static string NewFolder(string name) => Directory.CreateDirectory(NewFolderName(name)).FullName;

    /// <summary>A program of this solution, built in the same configuration as this assembly.</summary>
    /// <param name="project">Its folder from the repository's root.</param>
    /// <param name="name">Its assembly's name.</param>
    public static string ProgramPath(string project, string name)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory); // .../bin/<configuration>/<framework>/
        return Path.Combine(RepositoryRoot, project, "bin", output.Parent!.Name, output.Name, name);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (LazyFolder.IsValueCreated)
        {
            Directory.Delete(LazyFolder.Value, recursive: true);
        }
    }

    private static string FindRepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "KafkaFeeder.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException(
            $"KafkaFeeder.sln is in no folder above {AppContext.BaseDirectory}: these tests run from within the repository.");
    }
}
