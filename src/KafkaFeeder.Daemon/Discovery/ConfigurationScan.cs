using System.IO.Enumeration;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Finds every <c>kafkafeeder.yaml</c> below log_dir, and the components of the segments in each directory. Searches breadth first,
/// alternating between the first-level directories, within <see cref="ScanLimits"/>, so that a tree that is too large does not affect
/// the others. Links are followed only to directories that conf.yaml allows; a target within log_dir is found there anyway. A
/// directory that cannot be read is reported as a fault, and the search continues.
/// </summary>
internal sealed class ConfigurationScan
{
    public const string FileName = "kafkafeeder.yaml";

    private static readonly EnumerationOptions Everything = new() { IgnoreInaccessible = false, AttributesToSkip = 0 };

    private readonly Territory _territory;
    private readonly ScanLimits _limits;
    private readonly List<ConfigFault> _faults;
    private readonly ScanResult _result;
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Branch> _branches = new(StringComparer.Ordinal);
    private readonly Queue<Branch> _turns = [];
    private int _searched;

    private ConfigurationScan(Territory territory, ScanLimits limits, List<ConfigFault> faults)
    {
        _territory = territory;
        _limits = limits;
        _faults = faults;
        _result = new ScanResult(territory.LogDir);
    }

    private enum Kind
    {
        Directory,
        Configuration,
        Segment,
    }

    /// <summary>One search.</summary>
    /// <param name="territory">The directories to search.</param>
    /// <param name="limits">The limits of the search.</param>
    /// <param name="faults">Receives a fault for everything that cannot be searched.</param>
    /// <param name="onDirectory">Called for each directory, as a sign of progress.</param>
    public static ScanResult Find(Territory territory, ScanLimits limits, List<ConfigFault> faults, Action onDirectory)
    {
        var scan = new ConfigurationScan(territory, limits, faults);
        scan.Run(onDirectory);
        scan._result.Files.Sort(StringComparer.Ordinal);
        return scan._result;
    }

    private void Run(Action onDirectory)
    {
        Enqueue(_territory.LogDir, 0);
        while (_turns.TryDequeue(out var branch))
        {
            if (_searched++ == _limits.Directories)
            {
                Cut(branch);
                return;
            }

            var (directory, depth) = branch.Pending.Dequeue();
            if (branch.Pending.Count > 0)
            {
                _turns.Enqueue(branch);
            }

            onDirectory();
            Search(directory, depth);
        }
    }

    /// <summary>Ends the search; the directories that are left count as unseen.</summary>
    private void Cut(Branch next)
    {
        foreach (var left in _turns.Prepend(next).SelectMany(b => b.Pending))
        {
            _result.AddUnseen(left.Directory);
        }

        Fault(_territory.LogDir, $"more than {_limits.Directories} directories are below it: the rest is not searched, and keeps its "
            + $"settings.");
    }

    private void Search(string directory, int depth)
    {
        try
        {
            var names = 0;
            var components = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (name, kind) in Entries(directory))
            {
                if (++names > _limits.Names)
                {
                    Fault(directory, $"more than {_limits.Names} names are in it: the rest is not searched, and keeps its settings.");
                    _result.AddUnseen(directory);
                    break;
                }

                Take(directory, depth, name, kind, components);
            }

            if (components.Count > 0)
            {
                _result.Components[directory] = components;
            }
        }
        catch (DirectoryNotFoundException) when (depth > 0)
        {
            return; // removed since it was listed
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _result.AddUnseen(directory);
            Fault(directory, $"the directory cannot be read ({e.Message}); the settings of logs below it stay as they are until it can.");
        }
    }

    private void Take(string directory, int depth, string name, Kind kind, HashSet<string> components)
    {
        switch (kind)
        {
            case Kind.Configuration:
                _result.Files.Add(Path.Combine(directory, name));
                break;
            case Kind.Segment when components.Count < _limits.UnclaimedComponents && SegmentName.TryParse(name) is { } segment:
                components.Add(segment.Component);
                break;
            case Kind.Directory:
                Below(directory, name, depth + 1);
                break;
        }
    }

    private void Below(string directory, string name, int depth)
    {
        var path = Path.Combine(directory, name);
        if (!RealPath.TryResolve(path, out var real, out var errno))
        {
            if (!Errors.IsAbsent(errno))
            {
                _result.AddUnseen(path);
                Fault(path, $"the directory cannot be examined ({Errors.Text(errno)}); the settings of logs below it stay as they are "
                    + $"until it can.");
            }

            return; // a link to nothing, or removed meanwhile
        }

        if (real == path ? _territory.MayHoldLogs(real) : _territory.IsAllowed(real) && !RealPath.IsAtOrBelow(real, _territory.LogDir))
        {
            Enqueue(real, depth);
        }
        else if (!RealPath.IsAtOrBelow(real, _territory.LogDir) && !_territory.IsState(real) && File.Exists(Path.Combine(real, FileName)))
        {
            Fault(path, "is a link to a directory outside log_dir, so the logs there are not shipped; name that directory under "
                + "watcher.allow_directories of conf.yaml if they should be.");
        }
    }

    private void Enqueue(string real, int depth)
    {
        if (depth > _limits.Depth)
        {
            Fault(real, $"it lies more than {_limits.Depth} directories below log_dir and is not searched.");
            return;
        }

        var name = _territory.BranchOf(real);
        if (!_branches.TryGetValue(name, out var branch))
        {
            _branches.Add(name, branch = new Branch());
        }

        if (branch.Found >= _limits.DirectoriesOfBranch && !_seen.Contains(real))
        {
            if (!branch.IsCut)
            {
                branch.IsCut = true;
                _result.AddUnseen(name);
                Fault(name, $"more than {_limits.DirectoriesOfBranch} directories are below it: the rest is not searched, and keeps its "
                    + $"settings.");
            }

            return;
        }

        if (!_seen.Add(real))
        {
            return;
        }

        branch.Found++;
        branch.Pending.Enqueue((real, depth));
        if (branch.Pending.Count == 1)
        {
            _turns.Enqueue(branch);
        }
    }

    private void Fault(string where, string text) => _faults.Add(new ConfigFault(where, 0, "", text));

    private static FileSystemEnumerable<(string Name, Kind Kind)> Entries(string directory) =>
        new(directory, (ref FileSystemEntry entry) => (entry.FileName.ToString(), KindOf(ref entry)!.Value), Everything)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => KindOf(ref entry) is not null,
        };

    /// <summary>Null: not relevant. Kubernetes keeps the versions of a ConfigMap in directories that start with two dots.</summary>
    private static Kind? KindOf(ref FileSystemEntry entry) =>
        entry.FileName.SequenceEqual(FileName) ? Kind.Configuration // of any file type: a directory of this name is reported as a fault
        : entry.IsDirectory ? (entry.FileName.StartsWith("..") ? null : Kind.Directory)
        : entry.FileName.EndsWith(SegmentName.Extension) ? Kind.Segment
        : null;

    /// <summary>A first-level directory, and the directories below it that are still to be searched.</summary>
    private sealed class Branch
    {
        public Queue<(string Directory, int Depth)> Pending { get; } = [];

        public int Found { get; set; }

        public bool IsCut { get; set; }
    }
}
