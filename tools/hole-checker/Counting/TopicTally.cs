using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace HoleChecker.Counting;

/// <summary>Everything that was counted of a topic, by run and producer. Not thread-safe.</summary>
/// <param name="partitionsCount">Partitions are numbered from 0 to this, exclusive.</param>
/// <param name="memory">What may be taken for the numbers.</param>
/// <param name="onlyRun">The only run that counts; null: all do.</param>
public sealed class TopicTally(int partitionsCount, SequenceMemory memory, string? onlyRun = null)
{
    /// <summary>How many duplicates are kept with their places; all are counted.</summary>
    public const int MaxFirstDuplicates = 20;

    private readonly List<Duplicate> _firstDuplicates = new(MaxFirstDuplicates);
    private readonly Dictionary<string, RunTally> _runs = new(StringComparer.Ordinal);
    private readonly byte[]? _onlyRun = onlyRun is null ? null : Encoding.UTF8.GetBytes(onlyRun);
    private RunTally? _lastRun;
    private readonly Dictionary<byte[], SourceTally> _sources = new(BytesComparer.Instance);
    private byte[] _lastSource = [];
    private SourceTally? _last;

    /// <summary>Messages of all kinds.</summary>
    public long Received { get; private set; }

    /// <summary>Messages without a valid number.</summary>
    public long Foreign { get; private set; }

    /// <summary>Messages of other runs than the one that is counted.</summary>
    public long OfOtherRuns { get; private set; }

    /// <summary>The runs, by name.</summary>
    public IReadOnlyList<RunTally> Runs => [.. _runs.Values.OrderBy(run => run.Run, StringComparer.Ordinal)];

    /// <summary>True if so many different numbers came of each run, and there is at least one run.</summary>
    public bool HasOfEachRun(long count) => count == 0 || (_runs.Count > 0 && _runs.Values.All(run => run.Distinct >= count));

    /// <summary>Different numbers, over all runs and producers.</summary>
    public long Distinct { get; private set; }

    /// <summary>Ordered by run, then producer (producers that are numbers: as numbers).</summary>
    public IReadOnlyList<SourceTally> Sources =>
    [
        .. _sources.Values
            .OrderBy(source => source.Run, StringComparer.Ordinal)
            .ThenBy(source => long.TryParse(source.Producer, out var number) ? number : long.MaxValue)
            .ThenBy(source => source.Producer, StringComparer.Ordinal),
    ];

    /// <summary>The first duplicates, in the order in which they were read: that of the offsets in each partition.</summary>
    public IReadOnlyList<Duplicate> FirstDuplicates => _firstDuplicates;

    /// <summary>Counts a message that holds no number.</summary>
    public void AddForeign()
    {
        Received++;
        Foreign++;
    }

    /// <summary>Counts a message; messages of a partition are to be given in the partition's order.</summary>
    public void Add(int partition, long offset, in NumberedMessage message)
    {
        Received++;
        if (_onlyRun is not null && !RunOf(message.Source).SequenceEqual(_onlyRun))
        {
            OfOtherRuns++;
            return;
        }

        if (_last is null || !message.Source.SequenceEqual(_lastSource))
        {
            Find(message.Source);
        }

        var before = _last.Distinct;
        _last.Add(partition, message.Sequence);
        Distinct += _last.Distinct - before;
        _lastRun!.Distinct += _last.Distinct - before;
        if (_last.Distinct == before && _firstDuplicates.Count < MaxFirstDuplicates)
        {
            _firstDuplicates.Add(new Duplicate(_last.Run, _last.Producer, message.Sequence, partition, offset));
        }
    }

    private static ReadOnlySpan<byte> RunOf(ReadOnlySpan<byte> source) => source[..source.LastIndexOf(NumberedMessage.Separator)];

    [MemberNotNull(nameof(_last))]
    private void Find(ReadOnlySpan<byte> source)
    {
        var lookup = _sources.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (!lookup.TryGetValue(source, out _lastSource!, out _last!))
        {
            memory.Take(source.Length + (partitionsCount * sizeof(long)) + 256);
            var separator = source.LastIndexOf(NumberedMessage.Separator);
            var run = Encoding.UTF8.GetString(source[..separator]);
            var producer = Encoding.UTF8.GetString(source[(separator + NumberedMessage.Separator.Length)..]);
            _lastSource = source.ToArray();
            _last = new SourceTally(run, producer, partitionsCount, memory);
            _sources.Add(_lastSource, _last);
        }

        if (!_runs.TryGetValue(_last.Run, out _lastRun))
        {
            _lastRun = new RunTally(_last.Run);
            _runs.Add(_last.Run, _lastRun);
        }
    }
}
