using System.Text;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Records;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>One send of one batch, and what of it is on the way.</summary>
internal sealed record Sending(OutboundBatch Batch, IReadOnlyList<(int Index, string Value)> Records, Action<BatchOutcome> OnOutcome)
{
    public IEnumerable<string> Values => Records.Select(r => r.Value);

    /// <summary>The offsets that stand in the bytes that were sent.</summary>
    public required IReadOnlyList<long> Offsets { get; init; }
}

/// <summary>Brokers that do what a test says: nothing has an outcome before it is given one.</summary>
internal sealed class FakeTransport : IBatchTransport
{
    private readonly RecordBatchDecoder _decoder = new();

    public bool KeepsOrder { get; set; } = true;

    public string Description => "fake";

    public bool BrokersAnswer { get; set; } = true;

    public string? LastError { get; set; }

    /// <summary>Acknowledges everything within the send.</summary>
    public bool AcksAtOnce { get; set; }

    /// <summary>Values that are refused for ever, with all that is sent together with them, as brokers do.</summary>
    public Func<string, bool> Refuses { get; set; } = _ => false;

    /// <summary>What a refusal says.</summary>
    public RejectionKind RefusesAs { get; set; }

    /// <summary>Thrown by the next send.</summary>
    public Exception? Throws { get; set; }

    /// <summary>Every send.</summary>
    public List<Sending> Sent { get; } = [];

    /// <summary>Sends without an outcome, in order.</summary>
    public List<Sending> InFlight { get; } = [];

    /// <summary>The topic: what the brokers have, in order.</summary>
    public List<string> Topic { get; } = [];

    /// <summary>What they told us that they have, by segment and offset.</summary>
    public HashSet<(string Segment, long Offset)> Acknowledged { get; } = [];

    public void SendNow()
    {
    }

    public void Send(OutboundBatch batch, ReadOnlySpan<byte> stored, LogOptions log, Action<BatchOutcome> onOutcome)
    {
        if (Throws is { } thrown)
        {
            Throws = null;
            throw thrown;
        }

        var records = new List<(int, string)>();
        var offsets = new List<long>();
        var each = _decoder.Decode(stored);
        for (var index = 0; each.MoveNext(); index++)
        {
            if (!(batch.Settled?[index] ?? false))
            {
                records.Add((index, Encoding.UTF8.GetString(each.Current.Value)));
                offsets.Add(each.Current.Offset);
            }
        }

        batch.CostBytes = stored.Length;
        var sending = new Sending(batch, records, onOutcome) { Offsets = offsets };
        Sent.Add(sending);
        InFlight.Add(sending);
        if (AcksAtOnce)
        {
            Answer(sending);
        }
    }

    /// <summary>All is well, but for what is refused.</summary>
    public void Answer(Sending sending)
    {
        if (!sending.Values.Any(Refuses))
        {
            Acknowledge(sending);
        }
        else if (sending.Batch.IsIsolated || sending.Records.Count == 1)
        {
            var good = sending.Records.Where(r => !Refuses(r.Value)).ToList();
            good.ForEach(r => Store(sending, r));
            Fail(
                sending,
                OutcomeKind.Rejected,
                rejected: [.. sending.Records.Except(good).Select(r => new RejectedRecord(r.Index, "MsgSizeTooLarge", RefusesAs))]);
        }
        else
        {
            Fail(
                sending,
                OutcomeKind.Rejected,
                rejected: [.. sending.Records.Select(r => new RejectedRecord(r.Index, "MsgSizeTooLarge", RefusesAs))]);
        }
    }

    public void AnswerAll() => InFlight.ToList().ForEach(Answer);

    public void Acknowledge(Sending sending)
    {
        foreach (var record in sending.Records)
        {
            Topic.Add(record.Value);
            Acknowledged.Add((sending.Batch.SegmentName, sending.Batch.BaseOffset + record.Index));
        }

        Report(new BatchOutcome(sending.Batch, OutcomeKind.Acknowledged), sending);
    }

    /// <summary>The batch fails, but for so many records at its front, which are acknowledged.</summary>
    public void Fail(
        Sending sending, OutcomeKind kind, int acknowledged = 0, int persisted = 0, IReadOnlyList<RejectedRecord>? rejected = null)
    {
        foreach (var record in sending.Records.Take(acknowledged))
        {
            Store(sending, record);
        }

        foreach (var record in sending.Records.Skip(acknowledged).Take(persisted))
        {
            Topic.Add(record.Value); // it has them, and never said so
        }

        Report(new BatchOutcome(sending.Batch, kind, kind + " as the test says", persisted, rejected), sending);
    }

    public void FailAll(OutcomeKind kind) => InFlight.ToList().ForEach(s => Fail(s, kind));

    public void Dispose()
    {
    }

    private void Store(Sending sending, (int Index, string Value) record)
    {
        Topic.Add(record.Value);
        Acknowledged.Add((sending.Batch.SegmentName, sending.Batch.BaseOffset + record.Index));
        sending.Batch.Settle(record.Index);
    }

    private void Report(BatchOutcome outcome, Sending sending)
    {
        InFlight.Remove(sending);
        sending.OnOutcome(outcome);
    }
}
