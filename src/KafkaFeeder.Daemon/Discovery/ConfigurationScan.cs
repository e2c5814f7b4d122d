using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Finds every <c>kafkafeeder.yaml</c> below a directory, through links too. Bounded in depth and number, and a
/// directory is entered once, so loops end. What cannot be read is a fault of its own and stops nothing else.
/// </summary>
internal static class ConfigurationScan
{
    public const string FileName = "kafkafeeder.yaml";
    private const int MaxDepth = 16;
    private const int MaxDirectories = 100_000;

    /// <summary>The files, in order of their paths.</summary>
    /// <param name="root">Where to begin.</param>
    /// <param name="faults">Gets what cannot be looked at.</param>
    /// <param name="onDirectory">Called for each directory: it goes on.</param>
    public static List<string> Find(string root, List<ConfigFault> faults, Action? onDirectory = null)
    {
        var found = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var pending = new Queue<(string Directory, int Depth)>([(root, 0)]);
        while (pending.TryDequeue(out var next))
        {
            onDirectory?.Invoke();
            if (RealPath.Of(next.Directory) is not { } real)
            {
                if (next.Depth == 0)
                {
                    faults.Add(new ConfigFault(root, 0, "", "this log_dir does not exist; logs below it are found when it does."));
                }

                continue; // a link to nothing, or removed meanwhile
            }

            if (!seen.Add(real))
            {
                continue;
            }

            if (seen.Count > MaxDirectories)
            {
                faults.Add(new ConfigFault(root, 0, "", $"more than {MaxDirectories} directories are below it; the rest is not looked at."));
                break;
            }

            Look(next.Directory, next.Depth, found, pending, faults);
        }

        found.Sort(StringComparer.Ordinal);
        return found;
    }

    private static void Look(string directory, int depth, List<string> found, Queue<(string, int)> pending, List<ConfigFault> faults)
    {
        try
        {
            var file = Path.Combine(directory, FileName);
            if (File.Exists(file))
            {
                found.Add(file);
            }

            foreach (var below in Directory.EnumerateDirectories(directory))
            {
                if (Path.GetFileName(below.AsSpan()).StartsWith(".."))
                {
                    continue; // where Kubernetes keeps the versions of a ConfigMap: the links to the one that holds lie here
                }

                if (depth < MaxDepth)
                {
                    pending.Enqueue((below, depth + 1));
                }
                else
                {
                    faults.Add(new ConfigFault(below, 0, "", $"it lies more than {MaxDepth} directories below log_dir and is not looked at."));
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            faults.Add(new ConfigFault(directory, 0, "", $"the directory cannot be read ({e.Message}); logs in it are not shipped until it can."));
        }
    }
}
