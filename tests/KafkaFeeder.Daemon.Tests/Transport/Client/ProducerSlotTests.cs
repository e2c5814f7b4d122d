using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Client;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Client;

/// <summary>A broken producer is replaced, after a longer wait each time until something is acknowledged.</summary>
public sealed class ProducerSlotTests : IDisposable
{
    private static readonly Error Broken = new(ErrorCode.OutOfOrderSequenceNumber, "a gap", isFatal: true);
    private readonly ManualTime _time = new();
    private readonly LogLines _log = new();
    private readonly BrokerHealth _health;
    private readonly List<IDisposable> _slots = [];

    public ProducerSlotTests()
    {
        Assert.SkipUnless(Librdkafka.TryLoad(out var problem), problem ?? "");
        _health = new BrokerHealth("kafka", text => text, _log, _time);
        _time.Advance(TimeSpan.FromSeconds(1));
    }

    public void Dispose() => _slots.ForEach(s => s.Dispose());

    [Fact]
    public void All_logs_share_one_producer_until_it_breaks()
    {
        var slot = Slot();
        var first = Take(slot);
        Assert.Same(first, Take(slot));
        _time.Advance(TimeSpan.FromMinutes(1));
        first!.Failed(Broken, OutcomeKind.Fatal);
        var second = Take(slot);
        Assert.NotNull(second);
        Assert.NotSame(first, second);
        Assert.True(slot.IsIdempotent);
    }

    [Fact]
    public void Each_new_producer_waits_longer_until_an_acknowledgement()
    {
        var slot = Slot();
        foreach (var seconds in (int[])[1, 2, 4, 8, 16, 32, 60, 60])
        {
            if (seconds == 1)
            {
                Take(slot)!.Acknowledged();
            }

            AssertReplacedAfter(slot, seconds);
        }

        Take(slot)!.Acknowledged();
        AssertReplacedAfter(slot, 1);
    }

    [Fact]
    public void Brokers_that_do_not_support_idempotence_get_a_producer_without_it()
    {
        var slot = Slot();
        Assert.True(slot.IsIdempotent);
        var unsupported = new Error(ErrorCode.Local_UnsupportedFeature, "not supported by these brokers", isFatal: true);
        Take(slot)!.Failed(unsupported, OutcomeKind.Fatal);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(Take(slot)!.IsIdempotent);
        Assert.False(slot.IsIdempotent);
    }

    [Fact]
    public void Properties_that_the_client_refuses_hold_the_log_with_that_reason()
    {
        var slot = Slot(("no.such.property", "1"));
        Assert.Null(slot.Take(out var refusal));
        Assert.Equal(OutcomeKind.Held, refusal);
        Assert.Contains("no.such.property", _health.LastError, StringComparison.Ordinal);
        Assert.Null(slot.Take(out refusal));
        Assert.Equal(OutcomeKind.Retriable, refusal); // it is not tried again at once
    }

    [Fact]
    public void A_producer_that_was_given_up_is_not_used_again()
    {
        var slot = Slot();
        var first = Take(slot);
        slot.Abandon();
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.NotSame(first, Take(slot));
    }

    private void AssertReplacedAfter(ProducerSlot slot, int seconds)
    {
        var broken = Take(slot);
        broken!.Failed(Broken, OutcomeKind.Fatal);
        Assert.Null(slot.Take(out var refusal));
        Assert.Equal(OutcomeKind.Retriable, refusal);
        _time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        Assert.Null(slot.Take(out _));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.NotSame(broken, Take(slot));
    }

    private static ProducerGeneration? Take(ProducerSlot slot)
    {
        var taken = slot.Take(out _);
        taken?.Release(); // the slot itself holds it
        return taken;
    }

    private ProducerSlot Slot(params (string Name, string Value)[] properties)
    {
        var group = new BrokerGroupOptions
        {
            Name = "kafka",
            Brokers = ["127.0.0.1:1"],
            Properties = [.. properties.Select(p => new BrokerProperty(p.Name, p.Value, false))],
        };
        var slot = new ProducerSlot(group, AckLevel.AllInSync, PartitionerKind.Random, ProducerShape.Sizes[0], _health, _log, _time);
        _slots.Add(slot);
        return slot;
    }
}
