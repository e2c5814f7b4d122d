using System.Text;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Records;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>One send of one batch, and the records of it that are in flight.</summary>
internal sealed record Sending(StoredBatch Batch, IReadOnlyList<(int Index, string Value)> Records, Action<BatchOutcome> OnOutcome)
{
    public IEnumerable<string> Values => Records.Select(r => r.Value);

    /// <summary>See <see cref="SendRequest.IsIsolated"/>.</summary>
    public required bool IsIsolated { get; init; }

    /// <summary>By index: the records that the brokers acknowledged so far.</summary>
    public bool[] Acknowledged { get; } = new bool[Batch.RecordsCount];

    /// <summary>The offsets in the bytes that were sent.</summary>
    public required IReadOnlyList<long> Offsets { get; init; }
}

/// <summary>Brokers that a test controls: a batch has no outcome until the test gives it one.</summary>
internal sealed class FakeTransport : IBatchTransport
{
    private readonly RecordBatchDecoder _decoder = new();

    public bool KeepsOrder { get; set; } = true;

    public string Description => "fake";

    public bool BrokersAnswer { get; set; } = true;

    public string? LastError { get; set; }

    /// <summary>Acknowledges everything within the send.</summary>
    public bool AcksAtOnce { get; set; }

    /// <summary>Values that are refused forever, together with the rest of their batch, as brokers do.</summary>
    public Func<string, bool> Refuses { get; set; } = _ => false;

    /// <summary>The error of a refusal.</summary>
    public RejectionKind RefusesAs { get; set; }

    /// <summary>Thrown by the next send.</summary>
    public Exception? Throws { get; set; }

    /// <summary>Every send so far, in order.</summary>
    public List<Sending> Sent { get; } = [];

    /// <summary>Sends without an outcome, in order.</summary>
    public List<Sending> InFlight { get; } = [];

    /// <summary>The topic: the records that the brokers have, in order.</summary>
    public List<string> Topic { get; } = [];

    /// <summary>The acknowledged records, by segment and offset.</summary>
    public HashSet<(string Segment, long Offset)> Acknowledged { get; } = [];

    public void SendNow()
    {
    }

    /// <summary>The state of the transport for a checkpoint, given the pending batches.</summary>
    public Func<IEnumerable<StoredBatch>, string> State { get; set; } = _ => "";

    public string StateAt(IEnumerable<BatchPlace> pending, IReadOnlyCollection<string> finished) => State(pending.Select(p => p.Batch));

    public long Send(in SendRequest request, Action<BatchOutcome> onOutcome)
    {
        if (Throws is { } thrown)
        {
            Throws = null;
            throw thrown;
        }

        var records = new List<(int, string)>();
        var offsets = new List<long>();
        var each = _decoder.Decode(request.Stored);
        for (var index = 0; each.MoveNext(); index++)
        {
            if (request.Skipped?[index] is not true)
            {
                records.Add((index, Encoding.UTF8.GetString(each.Current.Value)));
                offsets.Add(each.Current.Offset);
            }
        }

        var sending = new Sending(request.Batch, records, onOutcome) { Offsets = offsets, IsIsolated = request.IsIsolated };
        Sent.Add(sending);
        InFlight.Add(sending);
        if (AcksAtOnce)
        {
            Answer(sending);
        }

        return request.Stored.Length;
    }

    /// <summary>Acknowledges everything except refused values.</summary>
    public void Answer(Sending sending)
    {
        if (!sending.Values.Any(Refuses))
        {
            Acknowledge(sending);
        }
        else if (sending.IsIsolated || sending.Records.Count == 1)
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
            Acknowledged.Add((sending.Batch.FileName, sending.Batch.BaseOffset + record.Index));
        }

        Report(new BatchOutcome(OutcomeKind.Acknowledged), sending);
    }

    /// <summary>The batch fails. Only its first records, as many as given, are acknowledged.</summary>
    public void Fail(
        Sending sending, OutcomeKind kind, int acknowledged = 0, int persisted = 0, IReadOnlyList<RejectedRecord>? rejected = null)
    {
        foreach (var record in sending.Records.Take(acknowledged))
        {
            Store(sending, record);
        }

        foreach (var record in sending.Records.Skip(acknowledged).Take(persisted))
        {
            Topic.Add(record.Value); // stored, and never acknowledged
        }

        Report(new BatchOutcome(kind, kind + " as the test says", persisted, rejected) { Acknowledged = sending.Acknowledged }, sending);
    }

    public void FailAll(OutcomeKind kind) => InFlight.ToList().ForEach(s => Fail(s, kind));

    public void Dispose()
    {
    }

    private void Store(Sending sending, (int Index, string Value) record)
    {
        Topic.Add(record.Value);
        Acknowledged.Add((sending.Batch.FileName, sending.Batch.BaseOffset + record.Index));
        sending.Acknowledged[record.Index] = true;
    }

    private void Report(BatchOutcome outcome, Sending sending)
    {
        InFlight.Remove(sending);
        sending.OnOutcome(outcome);
    }
}
