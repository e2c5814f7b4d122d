using System.Collections.Concurrent;
using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Client;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Client;

/// <summary>The real client and the brokers of its own library, in this process.</summary>
[Trait("lane", "slow")]
public sealed class ClientTransportTests : IDisposable
{
    private const int SmallerRequests = 407;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly TempFolder _folder = new();
    private readonly LogLines _log = new();
    private readonly BlockingCollection<BatchOutcome> _outcomes = [];
    private readonly List<IDisposable> _opened = [];

    public void Dispose()
    {
        _opened.Reverse<IDisposable>().ToList().ForEach(o => o.Dispose());
        _folder.Dispose();
    }

    [Fact]
    public void Requests_become_smaller_three_times_before_records_are_refused_as_too_large()
    {
        var brokers = Brokers();
        var transport = Transport(brokers);
        for (var i = 0; i < 3; i++)
        {
            brokers.Refuse(ErrorCode.MsgSizeTooLarge);
            var outcome = Send(transport, new NewRecord(1, "a"u8));
            Assert.Equal((OutcomeKind.Retriable, null), (outcome.Kind, outcome.Rejected)); // nobody knows yet that a record is too large
        }

        brokers.Refuse(ErrorCode.MsgSizeTooLarge);
        Assert.Equal(OutcomeKind.Rejected, Send(transport, new NewRecord(1, "a"u8)).Kind);
        Assert.Equal(3, _log.Of(SmallerRequests).Length);
    }

    [Fact]
    public void When_the_too_large_record_is_found_requests_have_their_full_size_again()
    {
        var brokers = Brokers();
        var transport = Transport(brokers);
        Assert.Equal(OutcomeKind.Acknowledged, Send(transport, new NewRecord(1, "a"u8)).Kind); // the first size is good
        brokers.Refuse(ErrorCode.MsgSizeTooLarge);
        Assert.Equal(OutcomeKind.Retriable, Send(transport, new NewRecord(1, "a"u8)).Kind);
        brokers.Refuse(ErrorCode.MsgSizeTooLarge);
        Assert.Equal(OutcomeKind.Rejected, Send(transport, new NewRecord(1, "a"u8), isIsolated: true).Kind);
        brokers.Refuse(ErrorCode.MsgSizeTooLarge);
        Assert.Equal(OutcomeKind.Retriable, Send(transport, new NewRecord(1, "a"u8)).Kind);
        Assert.Equal(2, _log.Of(SmallerRequests).Count(l => l.Contains("requests of 1.0 MB are", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_refusal_for_another_reason_makes_no_request_smaller()
    {
        var brokers = Brokers();
        var transport = Transport(brokers);
        brokers.Refuse(ErrorCode.InvalidRecord);
        Assert.Equal(OutcomeKind.Rejected, Send(transport, new NewRecord(1, "a"u8)).Kind);
        Assert.Empty(_log.Of(SmallerRequests));
    }

    /// <summary><c>ProducerSettingsTests</c> has the client settings that this means.</summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(null, false)]
    public void A_log_in_strict_order_has_a_producer_that_waits_until_a_window_is_complete(bool? strictOrder, bool isPushed)
    {
        using var pool = Pool("127.0.0.1:1");
        var transport = (ClientTransport)pool.Open(Log with { StrictOrder = strictOrder }, "", mayHaveSent: false);
        Assert.Equal(isPushed, transport.Shape.IsPushed);
    }

    [Theory]
    [InlineData(1_700_000_000_000, 1_700_000_000_000)]
    [InlineData(1, 1)]
    [InlineData(0, 1)]
    [InlineData(-2, 1)]
    [InlineData(-5_000, 1)]
    public void A_timestamp_of_1970_or_before_becomes_the_first_millisecond_of_1970(long timestamp, long expected)
    {
        using var reader = Written(new NewRecord(timestamp, "a"u8));
        var records = new RecordBatchDecoder().Decode(reader.Batch.Span);
        Assert.True(records.MoveNext());
        Assert.Equal(new Timestamp(expected, TimestampType.CreateTime), ClientTransport.TimestampOf(records.Current));
    }

    [Fact]
    public void A_record_whose_header_name_the_client_would_change_is_refused_alone()
    {
        var transport = Transport(Brokers());
        var outcome = Send(transport, new NewRecord(1, "a"u8) { Headers = new RecordHeader[] { new((byte[])[0xFF], null) } });
        Assert.Equal((OutcomeKind.Rejected, 0), (outcome.Kind, Assert.Single(outcome.Rejected!).Index));
        Assert.Contains("UTF-8", outcome.Error, StringComparison.Ordinal);
    }

    /// <summary>Else the client would send the batch again when the brokers answer, beside the next shipper.</summary>
    [Fact]
    public void A_batch_in_flight_when_a_shipper_gives_up_is_taken_back_and_may_be_stored()
    {
        var brokers = Brokers();
        var pool = Pool(brokers.Address);
        _opened.Add(pool);
        BatchOutcome? outcome = null;
        for (var wait = 100; outcome is not { PossiblyPersistedRecords: 1 } && wait < 10_000; wait *= 2)
        {
            var transport = pool.Open(Log, "", mayHaveSent: false);
            brokers.RoundTripMs = 0;
            Assert.Equal(OutcomeKind.Acknowledged, Send(transport, new NewRecord(1, "a"u8)).Kind); // so the client knows the leader
            brokers.RoundTripMs = 600_000;
            Begin(transport, new NewRecord(1, "b"u8), isIsolated: false);
            Assert.False(_outcomes.TryTake(out _, TimeSpan.FromMilliseconds(wait))); // or it is not sent yet, on a slow machine
            transport.Dispose();
            Assert.True(_outcomes.TryTake(out outcome, Limit), "the client kept it");
            Assert.Equal(OutcomeKind.Unknown, outcome.Kind);
        }

        Assert.Equal(1, outcome!.PossiblyPersistedRecords);
    }

    /// <summary>Records that were not sent yet cannot be stored: they are no possible duplicates.</summary>
    [Fact]
    public void A_batch_waiting_in_the_client_when_a_shipper_gives_up_is_taken_back()
    {
        using var pool = Pool("127.0.0.1:1"); // nobody listens there
        var transport = pool.Open(Log, "", mayHaveSent: false);
        Begin(transport, new NewRecord(1, "a"u8), isIsolated: false);
        Begin(transport, new NewRecord(1, "b"u8), isIsolated: true);
        Assert.False(_outcomes.TryTake(out _, TimeSpan.FromMilliseconds(100)));
        transport.Dispose();
        for (var i = 0; i < 2; i++)
        {
            Assert.True(_outcomes.TryTake(out var outcome, Limit), "the client kept it");
            Assert.NotEqual(OutcomeKind.Acknowledged, outcome.Kind);
            Assert.Equal(0, outcome.PossiblyPersistedRecords);
        }
    }

    private MockBrokers Brokers(int roundTripMs = 0)
    {
        var brokers = new MockBrokers(roundTripMs);
        _opened.Add(brokers);
        return brokers;
    }

    /// <summary>Without idempotence: the client does not retry, so an error that a test asks for is the outcome.</summary>
    private IBatchTransport Transport(MockBrokers brokers)
    {
        var pool = Pool(brokers.Address);
        _opened.Add(pool);
        return pool.Open(Log, "", mayHaveSent: false);
    }

    private ClientTransportPool Pool(string address)
    {
        Assert.True(Librdkafka.TryLoad(out var problem), problem);
        var group = new BrokerGroupOptions { Name = "kafka", Brokers = [address] };
        return new ClientTransportPool(new Dictionary<string, BrokerGroupOptions> { ["kafka"] = group }, _log, TimeProvider.System);
    }

    private LogOptions Log => SomeLog.In(_folder.Path) with { Ack = AckLevel.Leader };

    private BatchOutcome Send(IBatchTransport transport, NewRecord record, bool isIsolated = false)
    {
        Begin(transport, record, isIsolated);
        BatchOutcome? outcome;
        while (!_outcomes.TryTake(out outcome, TimeSpan.FromMilliseconds(20)))
        {
            transport.SendNow();
        }

        return outcome;
    }

    private void Begin(IBatchTransport transport, NewRecord record, bool isIsolated)
    {
        using var reader = Written(record);
        transport.Send(new SendRequest(SomeBatch.Of(0, 0, 1), reader.Batch.Span, Log) { IsIsolated = isIsolated }, _outcomes.Add);
        transport.SendNow();
    }

    /// <summary>Writes a batch of this record, and returns a reader that has read it.</summary>
    private SegmentReader Written(NewRecord record)
    {
        var directory = Directory.CreateDirectory(_folder.File(Guid.NewGuid().ToString())).FullName;
        using (var writer = new LogWriter(new LogWriterOptions { Directory = directory, Component = "orders" }))
        {
            writer.Append(record, Durability.Flushed);
        }

        var reader = SegmentReader.Open(Directory.GetFiles(directory).Single());
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        return reader;
    }
}
