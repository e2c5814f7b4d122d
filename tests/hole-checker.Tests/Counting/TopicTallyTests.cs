using System.Text;
using HoleChecker.Counting;
using Xunit;

namespace HoleChecker.Tests.Counting;

public class TopicTallyTests
{
    private readonly TopicTally _tally = new(partitionsCount: 2, new SequenceMemory());

    [Fact]
    public void Holes_duplicates_and_disorder_are_counted_by_producer()
    {
        Add(0, "r producer=1", 1, 2, 5, 4, 4, 2, 8);
        Add(0, "r producer=2", 1, 2, 3);
        _tally.AddForeign();

        var first = _tally.Sources[0];
        Assert.Equal((7, 5, 2, 1), (first.Received, first.Distinct, first.Duplicates, first.OutOfOrder));
        Assert.Equal((8, 3), (first.Highest, first.Missing));
        Assert.Equal([new HoleRange(3, 3), new HoleRange(6, 7)], first.Holes());
        var second = _tally.Sources[1];
        Assert.Equal((3, 3, 0, 0, 0), (second.Received, second.Distinct, second.Duplicates, second.OutOfOrder, second.Missing));
        Assert.Equal((11, 1, 8), (_tally.Received, _tally.Foreign, _tally.Distinct));
    }

    [Fact]
    public void Disorder_is_counted_within_each_partition()
    {
        Add(0, "r producer=1", 10);
        Add(1, "r producer=1", 1, 2, 3); // after 10, but in another partition
        Add(0, "r producer=1", 9, 11);
        Assert.Equal(1, _tally.Sources.Single().OutOfOrder);
    }

    [Fact]
    public void A_repetition_is_a_duplicate_and_not_disorder()
    {
        Add(0, "r producer=1", 1, 2, 3, 1, 2, 3);
        Assert.Equal((3, 0), (_tally.Sources.Single().Duplicates, _tally.Sources.Single().OutOfOrder));
    }

    [Fact]
    public void The_first_duplicates_are_kept_with_their_places()
    {
        Add(0, "r producer=1", 1, 2, 2);
        Add(1, "r producer=2", 1, 1);
        Assert.Equal([new Duplicate("r", "1", 2, 0, 2), new Duplicate("r", "2", 1, 1, 4)], _tally.FirstDuplicates);

        Add(1, "r producer=2", [.. Enumerable.Repeat(1L, 100)]);
        Assert.Equal(TopicTally.MaxFirstDuplicates, _tally.FirstDuplicates.Count);
        Assert.Equal(new Duplicate("r", "1", 2, 0, 2), _tally.FirstDuplicates[0]);
    }

    [Fact]
    public void Runs_and_producers_are_ordered_by_name_and_number()
    {
        foreach (var source in new[] { "b producer=1", "a producer=10", "a producer=9", "a producer=x" })
        {
            Add(0, source, 1);
        }

        Assert.Equal(["a/9", "a/10", "a/x", "b/1"], _tally.Sources.Select(source => $"{source.Run}/{source.Producer}"));
    }

    [Fact]
    public void A_known_producer_costs_no_allocation()
    {
        var sources = new[] { "a producer=1"u8.ToArray(), "a producer=2"u8.ToArray() };
        Interleave(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Interleave(1000);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Interleave(int until)
        {
            for (var sequence = 1; sequence <= until; sequence++)
            {
                foreach (var source in sources)
                {
                    _tally.Add(0, sequence, new NumberedMessage(source, sequence));
                }
            }
        }
    }

    private void Add(int partition, string source, params long[] sequences)
    {
        foreach (var sequence in sequences)
        {
            _tally.Add(partition, _tally.Received, new NumberedMessage(Encoding.UTF8.GetBytes(source), sequence));
        }
    }
}
