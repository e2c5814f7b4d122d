using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace HoleChecker.Counting;

/// <summary>Everything that was counted of a topic, by run and producer. Not thread-safe.</summary>
/// <param name="partitionsCount">Partitions are numbered from 0 to this, exclusive.</param>
/// <param name="memory">What may be taken for the numbers.</param>
public sealed class TopicTally(int partitionsCount, SequenceMemory memory)
{
    private readonly Dictionary<byte[], SourceTally> _sources = new(BytesComparer.Instance);
    private byte[] _lastSource = [];
    private SourceTally? _last;

    /// <summary>Messages of all kinds.</summary>
    public long Received { get; private set; }

    /// <summary>Messages without a number that was understood.</summary>
    public long Foreign { get; private set; }

    /// <summary>Different numbers, over all runs and producers.</summary>
    public long Distinct { get; private set; }

    /// <summary>Ordered by run, then producer (as numbers where they are numbers).</summary>
    public IReadOnlyList<SourceTally> Sources =>
    [
        .. _sources.Values
            .OrderBy(source => source.Run, StringComparer.Ordinal)
            .ThenBy(source => long.TryParse(source.Producer, out var number) ? number : long.MaxValue)
            .ThenBy(source => source.Producer, StringComparer.Ordinal),
    ];

    /// <summary>Counts a message that holds no number.</summary>
    public void AddForeign()
    {
        Received++;
        Foreign++;
    }

    /// <summary>Counts a message; messages of a partition are to be given in the partition's order.</summary>
    public void Add(int partition, in NumberedMessage message)
    {
        Received++;
        if (_last is null || !message.Source.SequenceEqual(_lastSource))
        {
            Find(message.Source);
        }

        var before = _last.Distinct;
        _last.Add(partition, message.Sequence);
        Distinct += _last.Distinct - before;
    }

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
    }
}
