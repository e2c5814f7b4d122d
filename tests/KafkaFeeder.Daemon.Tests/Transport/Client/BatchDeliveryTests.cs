using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Client;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Client;

/// <summary>The client reports on each record. Together the reports give the one outcome of the batch.</summary>
public sealed class BatchDeliveryTests : IDisposable
{
    private static readonly Error Ok = new(ErrorCode.NoError);
    private readonly List<(Error Error, OutcomeKind Kind)> _errors = [];
    private readonly List<BatchOutcome> _outcomes = [];
    private readonly ProducerGeneration _generation;
    private int _acknowledged;

    public BatchDeliveryTests()
    {
        Assert.SkipUnless(Librdkafka.TryLoad(out var problem), problem ?? "");
        var group = new BrokerGroupOptions { Name = "kafka", Brokers = ["127.0.0.1:1"] };
        _generation = new ProducerGeneration(
            ProducerSettings.For(group, AckLevel.AllInSync, PartitionerKind.Random, isIdempotent: false, ProducerShape.Sizes[0]),
            isIdempotent: false,
            (error, kind) =>
            {
                lock (_errors)
                {
                    _errors.Add((error, kind));
                }
            },
            _ => { },
            () => Interlocked.Increment(ref _acknowledged),
            text => text);
    }

    public void Dispose() => _generation?.Dispose();

    [Fact]
    public void The_outcome_comes_once_when_the_last_record_has_its_report()
    {
        var delivery = Delivery(2);
        delivery.Begin();
        delivery.Report(0, Ok, PersistenceStatus.Persisted); // before the next is handed over
        Assert.Empty(_outcomes);
        delivery.Begin();
        delivery.HandedOver();
        Assert.Empty(_outcomes);
        delivery.Report(1, Ok, PersistenceStatus.Persisted);
        Assert.Equal((OutcomeKind.Acknowledged, 0), (Assert.Single(_outcomes).Kind, _outcomes[0].PossiblyPersistedRecords));
        Assert.Equal(2, _acknowledged);
    }

    [Fact]
    public void Failed_records_are_not_acknowledged_and_all_others_are()
    {
        var delivery = Delivery(4, skipped: [false, false, false, true]); // acknowledged in an earlier try: it is not in flight now
        Begin(delivery, 3);
        delivery.Report(0, Ok, PersistenceStatus.Persisted);
        delivery.Report(1, new Error(ErrorCode.NotEnoughReplicas), PersistenceStatus.NotPersisted);
        delivery.Report(2, new Error(ErrorCode.RequestTimedOut), PersistenceStatus.PossiblyPersisted);
        var outcome = Assert.Single(_outcomes);
        Assert.Equal((OutcomeKind.Retriable, 1), (outcome.Kind, outcome.PossiblyPersistedRecords));
        Assert.Equal([true, false, false, false], outcome.Acknowledged!);
    }

    [Fact]
    public void A_record_that_fails_again_is_acknowledged_only_by_its_own_report()
    {
        foreach (var error in (Error[])[new(ErrorCode.NotEnoughReplicas), new(ErrorCode.NotEnoughReplicas)])
        {
            var delivery = Delivery(3, skipped: [true, false, false]);
            Begin(delivery, 2);
            delivery.Report(1, error, PersistenceStatus.NotPersisted);
            delivery.Report(2, Ok, PersistenceStatus.Persisted);
            Assert.Equal([false, false, true], _outcomes[^1].Acknowledged!);
        }
    }

    [Fact]
    public void The_gravest_error_is_reported_in_whatever_order_errors_come()
    {
        ErrorCode[] codes = [ErrorCode.RequestTimedOut, ErrorCode.TopicAuthorizationFailed, ErrorCode.MsgSizeTooLarge];
        foreach (var order in (int[][])[[0, 1, 2], [2, 1, 0], [1, 0, 2]])
        {
            var delivery = Delivery(3);
            Begin(delivery, 3);
            foreach (var i in order)
            {
                delivery.Report(i, new Error(codes[i]), PersistenceStatus.NotPersisted);
            }

            Assert.Equal(OutcomeKind.Held, _outcomes[^1].Kind);
            Assert.StartsWith("TopicAuthorizationFailed: ", _outcomes[^1].Error, StringComparison.Ordinal);
            Assert.Equal(2, Assert.Single(_outcomes[^1].Rejected!).Index);
        }
    }

    [Theory]
    [InlineData(ErrorCode.MsgSizeTooLarge, true)]
    [InlineData(ErrorCode.InvalidRecord, false)]
    public void A_batch_is_refused_for_size_only_if_every_refused_record_is(ErrorCode second, bool isOfSize)
    {
        var delivery = Delivery(2);
        Begin(delivery, 2);
        delivery.Report(0, new Error(ErrorCode.MsgSizeTooLarge), PersistenceStatus.NotPersisted);
        delivery.Report(1, new Error(second), PersistenceStatus.NotPersisted);
        Assert.Equal((OutcomeKind.Rejected, isOfSize, 2), (_outcomes[0].Kind, _outcomes[0].IsOfSize, _outcomes[0].Rejected!.Count));
        lock (_errors)
        {
            Assert.DoesNotContain(_errors, e => e.Error.Code == second); // a refused record is no error of the connection
        }
    }

    [Fact]
    public void A_record_that_the_shipper_itself_refuses_is_in_the_outcome()
    {
        var delivery = Delivery(2);
        delivery.Refuse(1, "its header");
        Begin(delivery, 1);
        delivery.Report(0, Ok, PersistenceStatus.Persisted);
        var outcome = Assert.Single(_outcomes);
        Assert.Equal((OutcomeKind.Rejected, false), (outcome.Kind, outcome.IsOfSize));
        Assert.Equal(new RejectedRecord(1, "its header"), Assert.Single(outcome.Rejected!));
        Assert.Equal([true, false], outcome.Acknowledged!);
    }

    [Fact]
    public void A_fatal_error_breaks_the_producer()
    {
        var delivery = Delivery(1);
        Begin(delivery, 1);
        delivery.Report(0, new Error(ErrorCode.OutOfOrderSequenceNumber, "gap", isFatal: true), PersistenceStatus.PossiblyPersisted);
        Assert.True(_generation.IsBroken);
        Assert.Equal((OutcomeKind.Fatal, 1), (_outcomes[0].Kind, _outcomes[0].PossiblyPersistedRecords));
    }

    [Fact]
    public void Reports_from_many_threads_make_one_outcome()
    {
        const int Records = 2_000;
        for (var round = 0; round < 20; round++)
        {
            _outcomes.Clear();
            var delivery = Delivery(Records);
            Begin(delivery, Records);
            Parallel.For(0, Records, i => delivery.Report(
                i,
                i % 3 == 0 ? new Error(ErrorCode.RequestTimedOut) : Ok,
                i % 3 == 0 ? PersistenceStatus.PossiblyPersisted : PersistenceStatus.Persisted));
            Assert.Equal((Records + 2) / 3, Assert.Single(_outcomes).PossiblyPersistedRecords);
            Assert.All(Enumerable.Range(0, Records), i => Assert.Equal(i % 3 != 0, _outcomes[0].Acknowledged![i]));
        }
    }

    private static void Begin(BatchDelivery delivery, int records)
    {
        for (var i = 0; i < records; i++)
        {
            delivery.Begin();
        }

        delivery.HandedOver();
    }

    private BatchDelivery Delivery(int records, bool[]? skipped = null)
    {
        _generation.Retain(); // as a sender does: the delivery releases it
        return new BatchDelivery(records, skipped, _generation, _outcomes.Add);
    }
}
