using KafkaLog.Format;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Tool.Reading;

/// <summary>What <see cref="SegmentScan"/> has found.</summary>
internal enum ScanStep
{
    /// <summary>A batch whose CRC is right.</summary>
    Batch,

    /// <summary>Damage, which is skipped.</summary>
    Damage,

    /// <summary>Nothing more: the rest is not written yet, or never will be.</summary>
    End,
}

/// <summary>Goes through the batches of one segment, past damage.</summary>
internal sealed class SegmentScan : IDisposable
{
    private readonly SegmentReader _reader;
    private readonly TimeProvider _time;
    private readonly SegmentName? _name;
    private readonly RecordBatchDecoder _decoder = new();
    private bool _hasBatch;

    /// <param name="path">The file.</param>
    /// <param name="time">The clock that says when nothing more will be written.</param>
    /// <exception cref="IOException">It cannot be opened, or is not a regular file.</exception>
    public SegmentScan(string path, TimeProvider time)
    {
        _time = time;
        _reader = SegmentReader.Open(path);
        _name = SegmentName.TryParse(System.IO.Path.GetFileName(path));
    }

    public string Path => _reader.Path;

    /// <summary>The file's size now.</summary>
    public long Bytes => RandomAccess.GetLength(_reader.File);

    /// <summary>The first byte that was not read.</summary>
    public long Position => _reader.Position;

    /// <summary>At the end: the position after the bytes that were not read, without prepared space (zeros).</summary>
    public long WrittenEnd => Math.Max(Position, _reader.WrittenEnd);

    /// <summary>At the end: whether there are bytes, and no batch was read.</summary>
    public bool HasNothingSound(WriterState writer) => !_hasBatch && WrittenEnd > Position && writer != WriterState.Alive;

    public long BatchPosition => _reader.BatchPosition;

    /// <summary>The batch's header, with its base offset repaired if the batch's sequence shows it.</summary>
    public RecordBatchHeader Header => _reader.Header;

    /// <summary>The batch's bytes, with the same repair.</summary>
    public ReadOnlyMemory<byte> Batch => _reader.Batch;

    /// <summary>The damage that was skipped last.</summary>
    public SegmentDamage? Damage { get; private set; }

    /// <summary>
    /// The base offset in the file, if it differs from that of <see cref="Header"/>: it is damaged, and the CRC does not cover it.
    /// </summary>
    public long? DamagedBaseOffset => _reader.DamagedBaseOffset;

    /// <summary>The next batch or damage, up to the end of the file as it is now.</summary>
    /// <exception cref="UnsupportedBatchException">This version cannot read the batch that is there.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public ScanStep Next()
    {
        var step = NextThere();
        if (step != ScanStep.End)
        {
            return step;
        }

        if (!IsFinal())
        {
            return NextUnfinished();
        }

        step = NextThere(); // its writer may have written more and ended since the last check
        return step == ScanStep.End && PassTail() ? ScanStep.Damage : step;
    }

    /// <summary>The same, but it does not classify an incomplete tail.</summary>
    public ScanStep NextThere() => Taken(_reader.TryRead());

    /// <summary>
    /// At the end, while its writer may live: skips damage that no living writer explains, up to what may still become a batch.
    /// </summary>
    public ScanStep NextUnfinished() => Taken(_reader.TryReadUnfinished());

    private ScanStep Taken(SegmentReadStatus status)
    {
        switch (status)
        {
            case SegmentReadStatus.Batch:
                _hasBatch = true;
                return ScanStep.Batch;
            case SegmentReadStatus.Corrupt:
                Pass(_reader.Damage!);
                return ScanStep.Damage;
            default:
                return ScanStep.End;
        }
    }

    /// <summary>Skips what will never be complete, because the writer is gone; false if there is nothing.</summary>
    public bool PassTail()
    {
        if (_reader.FindTail() is not { } tail)
        {
            return false;
        }

        Pass(tail);
        return true;
    }

    /// <summary>What is known of the file's writer now.</summary>
    public WriterState ProbeWriter() => SegmentLock.Probe(_reader.File);

    /// <summary>Whether nothing more will be written to the file.</summary>
    public bool IsFinal() => IsFinal(ProbeWriter());

    /// <summary>The same, with a known state of the writer.</summary>
    public bool IsFinal(WriterState writer) =>
        SegmentFinality.IsFinal(writer, _name, SegmentHandle.Stat(_reader.File).Modified, _time.GetUtcNow());

    /// <summary>The batch's size if it were not compressed; known after <see cref="Records"/>.</summary>
    public long UncompressedBytes => (Header.Compression, Header.Magic) switch
    {
        (CompressionType.None, _) => Header.TotalBytes,
        (_, 2) => RecordBatchHeader.Bytes + _decoder.RecordsBytes,
        _ => _decoder.RecordsBytes, // messages of magic 0 and 1 stand alone
    };

    /// <summary>The records of the batch.</summary>
    /// <exception cref="CorruptBatchException">They do not decompress.</exception>
    public RecordEnumerator Records() => _decoder.Decode(Batch.Span);

    public void Dispose() => _reader.Dispose();

    private void Pass(SegmentDamage damage)
    {
        Damage = damage;
        _reader.Pass(damage);
    }
}
