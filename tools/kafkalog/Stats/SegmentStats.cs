using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Stats;

/// <summary>Batches of one magic and codec.</summary>
internal sealed record BatchKind(byte Magic, CompressionType Codec)
{
    public long Batches { get; set; }

    public long Records { get; set; }

    /// <summary>Their size in the file.</summary>
    public long StoredBytes { get; set; }

    /// <summary>Their size if they were not compressed.</summary>
    public long UncompressedBytes { get; set; }
}

/// <summary>Offsets that no record has; both ends are inclusive.</summary>
internal readonly record struct OffsetGap(long FirstMissing, long LastMissing);

/// <summary>What a segment is made of. Control batches count as batches; their records are not counted.</summary>
internal sealed class SegmentStats : IInspector
{
    /// <summary>Compaction may leave as many gaps as records; GapsCount has them all.</summary>
    public const int MaxGaps = 100;

    private readonly Dictionary<(byte, CompressionType), BatchKind> _kinds = [];
    private readonly List<OffsetGap> _gaps = [];
    private BatchKind? _kind;
    private RecordBatchHeader _header;
    private long? _lastOffset;
    private long _batchRecords;

    public IEnumerable<BatchKind> Kinds => _kinds.Values.OrderBy(kind => kind.Magic).ThenBy(kind => kind.Codec);

    public long ControlBatches { get; private set; }

    /// <summary>Without those of control batches.</summary>
    public long Records { get; private set; }

    public long RecordsWithKey { get; private set; }

    public long RecordsWithHeaders { get; private set; }

    /// <summary>Records whose value is null.</summary>
    public long Tombstones { get; private set; }

    /// <summary>The first <see cref="MaxGaps"/>.</summary>
    public IReadOnlyList<OffsetGap> Gaps => _gaps;

    public long GapsCount { get; private set; }

    public long MissingOffsets { get; private set; }

    /// <summary>ms since 1970 UTC; null: no record has one.</summary>
    public long? FirstTimestamp { get; private set; }

    /// <summary>ms since 1970 UTC; null: no record has one.</summary>
    public long? LastTimestamp { get; private set; }

    public long LargestBatchBytes { get; private set; }

    public long MaxRecordsPerBatch { get; private set; }

    /// <summary>Null: its writer gave none.</summary>
    public long? SegmentIdentity { get; private set; }

    public void Batch(SegmentScan scan)
    {
        _header = scan.Header;
        var key = (_header.Magic, _header.Compression);
        if (!_kinds.TryGetValue(key, out _kind))
        {
            _kinds.Add(key, _kind = new BatchKind(_header.Magic, _header.Compression));
        }

        _kind.Batches++;
        _kind.StoredBytes += _header.TotalBytes;
        _kind.UncompressedBytes += scan.UncompressedBytes;
        ControlBatches += _header.IsControl ? 1 : 0;
        LargestBatchBytes = Math.Max(LargestBatchBytes, _header.TotalBytes);
        SegmentIdentity ??= _header.Magic == 2 ? SegmentId.Of(_header) : null;
        _batchRecords = 0;
    }

    public void Record(in Record record, long offset)
    {
        _kind!.Records++;
        MaxRecordsPerBatch = Math.Max(MaxRecordsPerBatch, ++_batchRecords);
        if (_lastOffset is { } last && offset > last + 1)
        {
            AddGap(new OffsetGap(last + 1, offset - 1));
        }

        _lastOffset = offset;
        if (_header.IsControl)
        {
            return;
        }

        Records++;
        RecordsWithKey += record.HasKey ? 1 : 0;
        RecordsWithHeaders += record.HeadersCount > 0 ? 1 : 0;
        Tombstones += record.HasValue ? 0 : 1;
        if (RecordTimestamp.Of(_header, record.Timestamp) is { } timestamp)
        {
            FirstTimestamp = Math.Min(FirstTimestamp ?? timestamp, timestamp);
            LastTimestamp = Math.Max(LastTimestamp ?? timestamp, timestamp);
        }
    }

    private void AddGap(OffsetGap gap)
    {
        GapsCount++;
        MissingOffsets += gap.LastMissing - gap.FirstMissing + 1;
        if (_gaps.Count < MaxGaps)
        {
            _gaps.Add(gap);
        }
    }
}
