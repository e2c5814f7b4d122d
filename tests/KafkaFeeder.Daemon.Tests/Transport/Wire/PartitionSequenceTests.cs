using KafkaFeeder.Daemon.Transport.Wire;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

public sealed class PartitionSequenceTests
{
    private const long Round = 1L << 31;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(Round - 1, int.MaxValue)]
    [InlineData(Round, 0)]
    [InlineData((2 * Round) + 5, 5)]
    public void The_sequence_of_a_record_starts_again_after_2_to_the_31(long count, int sequence) =>
        Assert.Equal(sequence, PartitionSequence.SequenceOf(count));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Round - 1)]
    [InlineData(Round)]
    [InlineData(Round + 1)]
    [InlineData((2 * Round) - 1)]
    [InlineData(2 * Round)]
    [InlineData((2 * Round) + 3)]
    public void A_count_is_found_by_the_last_sequence_and_a_count_near_it(long near)
    {
        foreach (var count in new[] { near - 70_000, near - 1, near, near + 1, near + 70_000 }.Where(c => c > 0))
        {
            Assert.Equal(count, PartitionSequence.CountAfter(PartitionSequence.SequenceOf(count - 1), near));
        }
    }

    [Fact]
    public void What_is_acknowledged_never_goes_back_whatever_comes_late()
    {
        var sequence = new PartitionSequence(10, 100);
        sequence.Acknowledge(20, 200);
        sequence.Acknowledge(15, 150);
        sequence.LeaderHas(12);
        Assert.Equal((20, 20, 200), (sequence.Acknowledged, sequence.Present, sequence.EndOffset));
    }

    [Fact]
    public void The_end_offset_that_is_saved_is_not_behind_the_acknowledged_position()
    {
        var sequence = new PartitionSequence(0, 7);
        sequence.Acknowledge(4, 11);
        sequence.Acknowledge(9, 16);
        Assert.Equal(7, sequence.EndOffsetAtAcknowledged);
        sequence.AtAcknowledged = 5;
        Assert.Equal(11, sequence.EndOffsetAtAcknowledged);
        sequence.AtAcknowledged = 9;
        Assert.Equal(16, sequence.EndOffsetAtAcknowledged);
    }
}
