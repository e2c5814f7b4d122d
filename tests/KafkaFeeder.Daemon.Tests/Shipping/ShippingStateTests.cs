using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class ShippingStateTests
{
    private static readonly ShippingFacts Quiet = new(0, false, false, true, null, null);
    private static readonly ShippingFacts Busy = new(100, true, true, true, null, null);

    private readonly ManualTime _time = new();
    private readonly ShippingState _state;

    public ShippingStateTests() => _state = new ShippingState(_time);

    [Fact]
    public void Without_a_fault_a_log_is_idle_when_all_is_shipped_and_shipping_otherwise()
    {
        Assert.Equal((LogState.Idle, null), _state.Judge(Quiet));
        _state.AwaitAnswer();
        Assert.Equal((LogState.Shipping, null), _state.Judge(Busy));
        Assert.Equal((LogState.Shipping, null), _state.Judge(Quiet with { IsInFlight = true }));
        Assert.Equal((LogState.Shipping, null), _state.Judge(Quiet with { LagBytes = 1 }));
    }

    [Theory]
    [InlineData(OutcomeKind.Retriable, LogState.Retrying)]
    [InlineData(OutcomeKind.Fatal, LogState.Retrying)]
    [InlineData(OutcomeKind.Unknown, LogState.Retrying)]
    [InlineData(OutcomeKind.Held, LogState.Held)]
    internal void A_failure_of_the_brokers_lasts_until_something_is_acknowledged(OutcomeKind kind, LogState state)
    {
        _state.NotAcknowledged(kind, "no leader", hasProgressed: false);
        _state.TurnSucceeded();
        Assert.Equal((state, "no leader"), _state.Judge(Quiet));
        Assert.False(_state.Acknowledged()); // by a batch that was in flight: the failed one is not sent again yet
        Assert.Equal((state, "no leader"), _state.Judge(Quiet));
        _state.Recovered();
        Assert.True(_state.Acknowledged());
        Assert.False(_state.Acknowledged());
        Assert.Equal((LogState.Idle, null), _state.Judge(Quiet));
    }

    [Fact]
    public void A_failed_batch_is_sent_again_after_the_longer_of_two_waits()
    {
        Assert.False(_state.IsRecoveryDue);
        _state.Recover(TimeSpan.FromSeconds(10));
        _time.Advance(TimeSpan.FromSeconds(5));
        _state.Recover(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(_state.IsRecoveryDue);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_state.IsRecoveryDue);
        _state.Recovered();
        Assert.False(_state.IsRecovering);
        _state.Recover(TimeSpan.FromSeconds(1)); // the former wait does not count
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_state.IsRecoveryDue);
    }

    [Fact]
    public void After_progress_a_batch_is_sent_again_at_once_and_otherwise_after_growing_waits()
    {
        Assert.Equal(TimeSpan.Zero, _state.NotAcknowledged(OutcomeKind.Retriable, "one is refused", hasProgressed: true));
        Assert.True(_state.IsRecoveryDue);
        var first = _state.NotAcknowledged(OutcomeKind.Retriable, "no leader", hasProgressed: false);
        var second = _state.NotAcknowledged(OutcomeKind.Retriable, "no leader", hasProgressed: false);
        Assert.InRange(second, first, TimeSpan.FromMinutes(5));
        Assert.NotEqual(TimeSpan.Zero, second);
        _state.Recovered();
        _state.Acknowledged();
        Assert.InRange(_state.NotAcknowledged(OutcomeKind.Retriable, "no leader", hasProgressed: false), TimeSpan.Zero, second);
    }

    [Theory]
    [InlineData(OutcomeKind.Retriable, false)]
    [InlineData(OutcomeKind.Held, true)]
    [InlineData(OutcomeKind.Fatal, true)]
    [InlineData(OutcomeKind.Unknown, true)]
    internal void After_a_failure_that_time_does_not_cure_one_batch_is_tried_until_it_is_acknowledged(OutcomeKind kind, bool probes)
    {
        _state.NotAcknowledged(kind, "it is so", hasProgressed: false);
        Assert.Equal(probes, _state.IsProbing);
        _state.NotAcknowledged(OutcomeKind.Retriable, "no leader", hasProgressed: false);
        Assert.Equal(probes, _state.IsProbing);
        _state.Acknowledged();
        Assert.False(_state.IsProbing);
    }

    [Fact]
    public void A_file_fault_lasts_until_a_turn_succeeds_and_recovery_has_ended()
    {
        _state.Failed("permission denied");
        _state.Recover(TimeSpan.FromSeconds(1));
        _state.TurnSucceeded();
        Assert.Equal((LogState.Failed, "permission denied"), _state.Judge(Busy));
        _state.Recovered();
        _state.TurnSucceeded();
        Assert.Null(_state.Fault);
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_saved_is_reported_before_all_other_faults()
    {
        _state.NotAcknowledged(OutcomeKind.Held, "unknown topic", hasProgressed: false);
        _state.Failed("permission denied");
        _state.SaveEnded("no space");
        Assert.Equal((LogState.Failed, "the checkpoint cannot be saved: no space"), _state.Judge(Busy));
        _state.SaveEnded(null);
        Assert.Equal((LogState.Failed, "permission denied"), _state.Judge(Busy));
    }

    [Fact]
    public void Brokers_that_do_not_answer_are_reported_after_a_while()
    {
        _state.AwaitAnswer();
        var unreachable = Busy with { BrokersAnswer = false, BrokersError = "connection refused" };
        Assert.Equal(LogState.Shipping, _state.Judge(unreachable).State);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((LogState.Retrying, "connection refused"), _state.Judge(unreachable));
        Assert.Equal((LogState.Shipping, null), _state.Judge(Busy));
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal((LogState.Retrying, "no acknowledgement for 6 s"), _state.Judge(Busy));
        Assert.Equal("no answer from the brokers for 6 s", _state.Judge(Busy with { BrokersAnswer = false }).Error);
        _state.Answered();
        Assert.Equal((LogState.Shipping, null), _state.Judge(Busy));
    }

    [Fact]
    public void A_log_with_unshipped_records_is_retrying_while_its_brokers_are_away()
    {
        var away = new ShippingFacts(100, true, false, false, "connection refused", null);
        Assert.Equal((LogState.Retrying, "connection refused"), _state.Judge(away));
        Assert.Equal((LogState.Idle, null), _state.Judge(away with { LagBytes = 0, HasUnshipped = false }));
        Assert.Equal((LogState.Shipping, null), _state.Judge(away with { BrokersAnswer = true }));
    }

    [Fact]
    public void Missing_segments_are_reported_together_with_other_faults()
    {
        Assert.Equal((LogState.Retrying, "2 are missing"), _state.Judge(Quiet with { Absent = "2 are missing" }));
        _state.NotAcknowledged(OutcomeKind.Held, "unknown topic", hasProgressed: false);
        Assert.Equal((LogState.Held, "unknown topic; 2 are missing"), _state.Judge(Quiet with { Absent = "2 are missing" }));
    }
}
