using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Records;

/// <summary>
/// Reads the records of a stored batch whose CRC was checked. It keeps one buffer for decompression, so use one decoder for
/// many batches, one batch at a time. Not thread-safe.
/// </summary>
public sealed class RecordBatchDecoder
{
    private readonly int _maxRecordsBytes;
    private DecompressionBuffer? _decompressed;

    /// <summary>Creates a decoder.</summary>
    /// <param name="maxRecordsBytes">The most that the records of a batch may decompress to, in bytes.</param>
    public RecordBatchDecoder(int maxRecordsBytes = 64 << 20) => _maxRecordsBytes = maxRecordsBytes;

    /// <summary>Decompressed bytes of the records of the last <see cref="Decode"/>.</summary>
    public int RecordsBytes { get; private set; }

    /// <summary>
    /// The header of a batch. For a wrapper of magic 0 or 1, the fields about its records come from the messages in it, so it
    /// is opened and checked.
    /// </summary>
    /// <param name="batch">The whole batch, header included.</param>
    /// <exception cref="CorruptBatchException">A wrapper does not decompress, or not to messages.</exception>
    /// <exception cref="UnsupportedBatchException">The codec is one that this version does not read.</exception>
    public RecordBatchHeader ReadHeader(ReadOnlySpan<byte> batch) =>
        batch[RecordBatchHeader.MagicPosition] == 2
            ? RecordBatchHeader.Read(batch)
            : WrappedMessages.Open(batch, _decompressed ??= new(_maxRecordsBytes), _maxRecordsBytes, out _, out _);

    /// <summary>Starts to read the records of a batch.</summary>
    /// <param name="batch">The whole batch, header included; of any magic.</param>
    /// <exception cref="CorruptBatchException">The records do not decompress, or to more than the cap.</exception>
    /// <exception cref="UnsupportedBatchException">The codec is one that this version does not read.</exception>
    public RecordEnumerator Decode(ReadOnlySpan<byte> batch)
    {
        if (batch[RecordBatchHeader.MagicPosition] < 2)
        {
            var entry = WrappedMessages.Open(
                batch, _decompressed ??= new(_maxRecordsBytes), _maxRecordsBytes, out var messages, out var offsetShift);
            RecordsBytes = messages.Length;
            return new RecordEnumerator(entry, messages, offsetShift);
        }

        var header = RecordBatchHeader.Read(batch);
        var records = batch[RecordBatchHeader.Bytes..];
        if (header.Compression != CompressionType.None)
        {
            var codec = CompressionCodecs.For(header.Compression)
                ?? throw new UnsupportedBatchException(
                    $"the record batch at base offset {header.BaseOffset} is compressed with {header.Compression}, which this version "
                        + "does not read");
            _decompressed ??= new(_maxRecordsBytes);
            _decompressed.Clear();
            codec.Decompress(records, _decompressed, _maxRecordsBytes);
            records = _decompressed.WrittenSpan;
        }

        RecordsBytes = records.Length;
        return new RecordEnumerator(header, records);
    }

    /// <summary>Releases the memory of a large batch; the next one allocates what it needs.</summary>
    public void Trim() => _decompressed = null;
}
