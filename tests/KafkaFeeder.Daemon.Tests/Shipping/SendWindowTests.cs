using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Shipping.Reading;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class SendWindowTests : IDisposable
{
    private readonly InFlightBudget _budget = new((_, _) => 1L << 30);
    private readonly SendWindow _window;

    public SendWindowTests() => _window = new SendWindow(8 << 20, _budget.Join("kafka"));

    public void Dispose() => _window.Dispose();

    [Fact]
    public void The_window_starts_small_and_grows_by_the_acknowledged_bytes()
    {
        Assert.InRange(Fill(), 256 << 10, (256 << 10) + 1_000);
        _window.Grow(100_000);
        Assert.InRange(Fill(), (256 << 10) + 100_000, (256 << 10) + 101_000);
        _window.Grow(1L << 40);
        Assert.InRange(Fill(), 8 << 20, (8 << 20) + 1_000);
        _window.Shrink();
        Assert.False(HasRoom());
    }

    [Fact]
    public void A_log_that_probes_after_a_failure_has_one_batch_in_flight()
    {
        Assert.True(_window.HasRoom(isStrict: false, isOne: true, brokersAnswer: true));
        Add();
        Assert.False(_window.HasRoom(isStrict: false, isOne: true, brokersAnswer: true));
        Assert.True(HasRoom());
    }

    [Fact]
    public void While_brokers_do_not_answer_the_window_holds_one_batch()
    {
        Assert.True(_window.HasRoom(isStrict: false, isOne: false, brokersAnswer: false));
        Add();
        Assert.False(_window.HasRoom(isStrict: false, isOne: false, brokersAnswer: false));
    }

    /// <summary>A batch in flight may be retried by the client: no later batch may be stored before it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void After_an_outcome_or_the_end_of_a_turn_a_strict_window_takes_no_batch_until_it_is_empty(bool isByOutcome)
    {
        var (one, two) = (Add(), Add());
        Assert.True(HasRoom(isStrict: true));
        if (isByOutcome)
        {
            _window.Returned(one);
        }
        else
        {
            _window.Complete();
        }

        Assert.False(HasRoom(isStrict: true));
        Assert.True(HasRoom());
        _window.Returned(two);
        if (!isByOutcome)
        {
            Assert.False(HasRoom(isStrict: true));
            _window.Returned(one);
        }

        Assert.True(HasRoom(isStrict: true));
        Add();
        Assert.True(HasRoom(isStrict: true)); // it is a new window
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_batch_searched_for_a_refused_record_is_alone_in_flight(bool isStrict)
    {
        var refused = SomeBatch.Pending(0, 0, 1);
        refused.IsIsolated = true;
        Assert.True(_window.Fits(refused, isStrict));
        var other = Add();
        Assert.False(_window.Fits(refused, isStrict));
        _window.Returned(other);
        _window.Add(refused);
        Assert.False(HasRoom(isStrict));
        _window.Returned(refused);
        Add();
        Assert.True(HasRoom(isStrict));
    }

    private bool HasRoom(bool isStrict) => _window.HasRoom(isStrict, isOne: false, brokersAnswer: true);

    private bool HasRoom() => _window.HasRoom(isStrict: false, isOne: false, brokersAnswer: true);

    private PendingBatch Add()
    {
        var batch = SomeBatch.Pending(0, 0, 100);
        _window.Add(batch);
        _window.Sent(batch, 1);
        return batch;
    }

    /// <summary>Sends while there is room, and returns the bytes in flight.</summary>
    private long Fill()
    {
        while (HasRoom())
        {
            Add();
        }

        return _window.Bytes;
    }
}
