using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Producing;

/// <summary>A batch for a partition that waits to be sent, or for its answer.</summary>
internal abstract class OutgoingBatch
{
    public required string Topic { get; init; }

    public required int Partition { get; init; }

    /// <summary>What is filled in when it is written; null: the bytes are complete.</summary>
    public BatchStamp? Stamp { get; init; }

    /// <summary>The bytes; they must not change before <see cref="Answered"/>.</summary>
    public required ReadOnlyMemory<byte> Bytes { get; init; }

    /// <summary>Called once. Must not throw: other batches of the request wait for theirs.</summary>
    public abstract void Answered(in AppendResult result);
}

/// <summary>What became of a batch.</summary>
/// <param name="Error">None: all in-sync replicas have it. NetworkException: see <paramref name="Lost"/>.</param>
/// <param name="BaseOffset">The offset of its first record in the partition; -1 after an error.</param>
/// <param name="Message">What the broker says of the error, or why there is no answer.</param>
/// <param name="Lost">There is no answer: the broker may have the batch, unless it was never sent; null: there is one.</param>
internal readonly record struct AppendResult(KafkaError Error, long BaseOffset, string? Message = null, Exception? Lost = null)
{
    /// <summary>Records that the broker does not take, if it names them (KIP-467).</summary>
    public IReadOnlyList<RefusedRecord> Refused { get; init; } = [];
}
