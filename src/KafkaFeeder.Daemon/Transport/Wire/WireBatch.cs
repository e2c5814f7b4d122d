using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Producing;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>A record batch on its way to a partition.</summary>
internal sealed class WireBatch(PartitionOutbox outbox, byte[] buffer, Action<WireBatch, AppendResult> onAnswer) : OutgoingBatch
{
    private const int MaxTimestampPosition = 35;

    private byte[]? _buffer = buffer;
    private bool? _isMergeable;

    public PartitionOutbox Outbox => outbox;

    /// <summary>The count of its first record: see <see cref="PartitionSequence"/>.</summary>
    public required long First { get; init; }

    public required int RecordsCount { get; init; }

    /// <summary>The count after its last record.</summary>
    public long End => First + RecordsCount;

    /// <summary>The batch whose record it is, if its records are sent one by one.</summary>
    public SentBatch? OneOf { get; init; }

    /// <summary>The index of that record.</summary>
    public int Index { get; init; }

    /// <summary>Largest timestamp, ms since 1970 UTC.</summary>
    public long MaxTimestamp => BinaryPrimitives.ReadInt64BigEndian(Bytes.Span[MaxTimestampPosition..]);

    /// <summary>True if it can be sent together with its neighbours: its records are not compressed.</summary>
    public bool IsMergeable
    {
        get => _isMergeable ??= OneOf is null && RecordBatchHeader.Read(Bytes.Span).Compression == CompressionType.None;
        set => _isMergeable = value;
    }

    public override void Answered(in AppendResult result)
    {
        Release();
        onAnswer(this, result);
    }

    /// <summary>It is not sent: gives its memory back.</summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } held)
        {
            ArrayPool<byte>.Shared.Return(held);
        }
    }
}
