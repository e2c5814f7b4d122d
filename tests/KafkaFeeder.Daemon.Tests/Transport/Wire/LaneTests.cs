using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Wire;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

public sealed class LaneTests
{
    private readonly Lane _lane = new(1000, 0, [new PartitionSequence(0, 0), new PartitionSequence(0, 0)]);
    private readonly StoredBatch _first = SomeBatch.Of(0, 0, 3);
    private readonly StoredBatch _second = SomeBatch.Of(30, 3, 2);
    private readonly StoredBatch _third = SomeBatch.Of(50, 5, 4);

    public LaneTests() => _lane.Take(_first.FileName, 1, 0, 0);

    [Fact]
    public void Batches_get_their_places_one_after_the_other()
    {
        _lane.Add(_first, 0, [(0, 2), (1, 1)]);
        var second = _lane.Add(_second, 0, [(0, 2)]);
        Assert.Equal([new Piece(0, 2, 2)], second.Pieces);
        Assert.Same(second, _lane.Find(_second));
        Assert.Equal([4, 1], _lane.Partitions.Select(p => p.Next));
    }

    [Fact]
    public void After_a_refused_record_the_later_ones_of_its_partition_move_up()
    {
        var first = _lane.Add(_first, 0, [(0, 2), (1, 1)]);
        var second = _lane.Add(_second, 0, [(0, 1), (1, 1)]);
        var firstRecords = _lane.SendOneByOne(first, [0, 1, 0]);
        _lane.Refuse(first, 0);
        Assert.Equal([new Piece(0, 0, 1), new Piece(1, 0, 1)], first.Pieces);
        Assert.Equal([new Piece(0, 1, 1), new Piece(1, 1, 1)], second.Pieces);
        Assert.Equal([2, 2], _lane.Partitions.Select(p => p.Next));
    }

    [Fact]
    public void Before_a_batch_is_sent_what_was_set_aside_before_it_loses_its_place()
    {
        var first = _lane.Add(_first, 0, [(0, 3)]);
        var firstRecords = _lane.SendOneByOne(first, [0, 0, 0]);
        firstRecords.Acknowledged[0] = true;
        Assert.False(_lane.RefuseBefore(_first));
        Assert.True(_lane.RefuseBefore(_second));
        Assert.Equal(1, _lane.Partitions[0].Next);
        Assert.False(_lane.RefuseBefore(_second));
        _lane.AdvanceTo(_second, 0);
        Assert.Equal((1, 30), (_lane.Partitions[0].AtAcknowledged, _lane.Position));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_a_batch_that_cannot_be_sent_again_only_what_the_leader_has_keeps_its_place(bool isOneByOne)
    {
        var first = _lane.Add(_first, 0, [(0, 3)]);
        var second = _lane.Add(_second, 0, [(0, 2)]);
        first.Records = isOneByOne ? new RecordByRecord([0, 0, 0]) : null;
        _lane.Partitions[0].LeaderHas(1);
        _lane.Drop(first);
        Assert.Equal([new Piece(0, 1, 2)], second.Pieces);
        _lane.AdvanceTo(_second, 0);
        Assert.Equal((1, 3), (_lane.Partitions[0].AtAcknowledged, _lane.Partitions[0].Next));
    }

    [Fact]
    public void The_acknowledged_position_moves_over_whole_batches_and_records()
    {
        _lane.Add(_first, 0, [(0, 2), (1, 1)]);
        _lane.Add(_second, 0, [(1, 2)]);
        var third = _lane.Add(_third, 0, [(0, 4)]);
        var thirdRecords = _lane.SendOneByOne(third, [0, 0, 0, 0]);
        thirdRecords.Acknowledged[0] = true;
        thirdRecords.Refused[1] = true;
        _lane.AdvanceTo(_third, 2);
        Assert.Equal((50, 2), (_lane.Position, _lane.Record));
        Assert.Equal([3, 3], _lane.Partitions.Select(p => p.AtAcknowledged));
        Assert.Null(_lane.Find(_second));
    }

    [Fact]
    public void A_lane_is_at_rest_when_all_that_was_sent_is_acknowledged()
    {
        Assert.True(_lane.IsAtRest);
        _lane.Add(_first, 0, [(0, 3)]);
        _lane.Partitions[0].Acknowledge(3, 3);
        Assert.False(_lane.IsAtRest);
        _lane.AdvanceTo(null, 0);
        Assert.True(_lane.IsAtRest);
        _lane.Free();
        Assert.Null(_lane.FileName);
    }
}
