using FsCheck;
using FsCheck.Fluent;
using HoleChecker.Counting;
using Xunit;

namespace HoleChecker.Tests.Counting;

public class SequenceSetTests
{
    private readonly SequenceMemory _memory = new();

    [Fact]
    public void A_new_set_is_empty_and_has_no_holes()
    {
        var set = new SequenceSet(_memory);
        Assert.Equal((0, 0, 0), (set.Count, set.Highest, set.Missing));
        Assert.Empty(set.Holes());
        Assert.Equal(0, _memory.TakenBytes);
    }

    [Fact]
    public void Numbers_from_1_on_without_a_gap_have_no_holes()
    {
        var set = Of(Range(1, 200_000));
        Assert.Equal((200_000, 200_000, 0), (set.Count, set.Highest, set.Missing));
        Assert.Empty(set.Holes());
    }

    [Fact]
    public void Known_holes_are_found_with_both_ends()
    {
        var set = Of([3, 4, 6, 10, 70_000]);
        Assert.Equal([new HoleRange(1, 2), new HoleRange(5, 5), new HoleRange(7, 9), new HoleRange(11, 69_999)], set.Holes());
        Assert.Equal(69_995, set.Missing);
    }

    [Theory]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(131_072)]
    public void A_hole_at_the_edge_of_a_word_or_a_chunk_is_found(long missing)
    {
        var set = Of(Range(1, 200_000).Where(n => n != missing));
        Assert.Equal([new HoleRange(missing, missing)], set.Holes());
    }

    [Fact]
    public void A_hole_over_whole_chunks_is_one_hole()
    {
        var set = Of(Range(1, 10).Concat(Range(1_000_000, 1_000_010)));
        Assert.Equal([new HoleRange(11, 999_999)], set.Holes());
    }

    [Fact]
    public void A_number_that_comes_again_is_not_new_and_takes_no_memory()
    {
        var set = Of([1, 2]);
        var taken = _memory.TakenBytes;
        Assert.False(set.Add(2));
        Assert.Equal(2, set.Count);
        Assert.Equal(taken, _memory.TakenBytes);
    }

    [Fact]
    public void A_number_far_from_all_others_takes_one_chunk()
    {
        var set = Of([1, 1_000_000_000_000_000_000, long.MaxValue]);
        Assert.Equal(long.MaxValue - 3, set.Missing);
        Assert.Equal(2, set.Holes().Count());
        Assert.InRange(_memory.TakenBytes, 1, 3 * 9000);
    }

    [Fact]
    public void Scattered_numbers_stop_at_the_limit()
    {
        var memory = new SequenceMemory(limitBytes: 100_000);
        var set = new SequenceSet(memory);
        var failure = Assert.Throws<SequenceMemoryException>(() =>
        {
            for (var sequence = 1L; sequence < long.MaxValue / 2; sequence += 1L << 40)
            {
                set.Add(sequence);
            }
        });
        Assert.Contains("too scattered", failure.Message, StringComparison.Ordinal);
        Assert.InRange(memory.TakenBytes, 90_000, 100_000);
    }

    [Fact]
    public void Numbers_below_1_are_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new SequenceSet(_memory).Add(0));

    [Fact]
    public void A_hundred_million_numbers_take_at_most_two_bits_each()
    {
        const long Numbers = 100_000_000;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var set = new SequenceSet(_memory);
        for (var sequence = 1L; sequence <= Numbers; sequence++)
        {
            set.Add(sequence);
        }

        var taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        TestContext.Current.SendDiagnosticMessage($"100 M numbers: {_memory.TakenBytes} bytes accounted for, {taken} bytes of heap");
        Assert.Equal(Numbers, set.Count);
        Assert.InRange(taken, 0, Numbers / 8 * 2); // other tests use the heap meanwhile
        Assert.InRange(_memory.TakenBytes, Numbers / 8, Numbers / 8 * 11 / 10);
    }

    [Fact]
    public void It_agrees_with_a_plain_set_for_any_numbers()
    {
        // Small numbers collide, large ones cross chunks.
        var sequence = Gen.OneOf(Gen.Choose(1, 200), Gen.Choose(65_400, 65_700), Gen.Choose(1, 300_000)).Select(n => (long)n);
        Prop.ForAll(sequence.ArrayOf().ToArbitrary(), sequences =>
        {
            var set = new SequenceSet(_memory);
            var model = new HashSet<long>();
            var areNew = sequences.All(n => set.Add(n) == model.Add(n));
            var highest = model.Count == 0 ? 0 : model.Max();
            var missing = Range(1, highest).Where(n => !model.Contains(n)).ToList();
            var found = set.Holes().SelectMany(hole => Range(hole.FirstMissing, hole.LastMissing)).ToList();
            return areNew
                && set.Count == model.Count
                && set.Highest == highest
                && set.Missing == missing.Count
                && found.SequenceEqual(missing)
                && NeighboursAreJoined([.. set.Holes()])
                && model.All(set.Contains)
                && missing.All(n => !set.Contains(n));
        }).QuickCheckThrowOnFailure();
    }

    private static bool NeighboursAreJoined(List<HoleRange> holes) =>
        holes.Zip(holes.Skip(1)).All(pair => pair.First.LastMissing + 1 < pair.Second.FirstMissing);

    private SequenceSet Of(IEnumerable<long> sequences)
    {
        var set = new SequenceSet(_memory);
        foreach (var sequence in sequences)
        {
            Assert.True(set.Add(sequence));
        }

        return set;
    }

    private static IEnumerable<long> Range(long first, long last)
    {
        for (var n = first; n <= last; n++)
        {
            yield return n;
        }
    }
}
