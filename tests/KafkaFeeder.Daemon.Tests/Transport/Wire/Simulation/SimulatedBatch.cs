using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Producing;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>A record batch as a broker sees it. Immutable.</summary>
internal sealed record SimulatedBatch
{
    public required long ProducerId { get; init; }

    public required int BaseSequence { get; init; }

    /// <summary>The values of its records.</summary>
    public required string[] Values { get; init; }

    /// <summary>The largest timestamp, ms since 1970 UTC.</summary>
    public required long MaxTimestamp { get; init; }

    /// <summary>Its size, in bytes.</summary>
    public required int Bytes { get; init; }

    /// <summary>Where it is in the partition; -1: nowhere yet.</summary>
    public long BaseOffset { get; init; } = -1;

    public int Count => Values.Length;

    public long EndOffset => BaseOffset + Count;

    public int LastSequence => (int)((BaseSequence + Count - 1L) & int.MaxValue);

    /// <summary>True if brokers refuse the record with this index, whatever happens.</summary>
    public bool IsRefused(int index) => Values[index].Contains("bad", StringComparison.Ordinal);

    /// <summary>Reads what a client sends.</summary>
    public static SimulatedBatch Of(OutgoingBatch sent)
    {
        var header = RecordBatchHeader.Read(sent.Bytes.Span);
        var values = new List<string>();
        var records = new RecordBatchDecoder().Decode(sent.Bytes.Span);
        while (records.MoveNext())
        {
            values.Add(Encoding.UTF8.GetString(records.Current.Value));
        }

        if (values.Count != header.LastOffsetDelta + 1 || (sent.Stamp is null && header.BaseOffset != 0))
        {
            throw new InvalidOperationException($"a broker refuses this batch: {header}");
        }

        return new SimulatedBatch
        {
            ProducerId = sent.Stamp?.ProducerId ?? header.ProducerId,
            BaseSequence = sent.Stamp?.BaseSequence ?? header.BaseSequence,
            Values = [.. values],
            MaxTimestamp = header.MaxTimestamp,
            Bytes = sent.Bytes.Length,
        };
    }

    public override string ToString() =>
        $"producer {ProducerId} sequence {BaseSequence}..{LastSequence} [{Values[0]}..{Values[^1]}]"
        + $"{(BaseOffset < 0 ? "" : $" at {BaseOffset}")}";
}

/// <summary>An answer of a broker to a batch.</summary>
/// <param name="Error">The error.</param>
/// <param name="BaseOffset">The offset of its first record; -1: none.</param>
/// <param name="EndOffset">It is an acknowledgement when all in-sync replicas have the records before this offset.</param>
internal readonly record struct SimulatedAppend(KafkaError Error, long BaseOffset = -1, long EndOffset = -1);
