using KafkaLog.Format;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Tool.Reading;

/// <summary>Is called for everything that <see cref="Inspection"/> reads.</summary>
internal interface IInspector
{
    /// <summary>A batch whose CRC is right and whose records could be decompressed; they follow.</summary>
    void Batch(SegmentScan scan)
    {
    }

    /// <summary>A record of it.</summary>
    void Record(in Record record, long offset)
    {
    }

    /// <summary>All records of the batch could be read.</summary>
    void Sound(SegmentScan scan)
    {
    }

    /// <summary>Bytes that are not a sound batch, the end exclusive.</summary>
    void Damaged(long position, long endPosition)
    {
    }
}

/// <summary>The result of reading a whole segment once, with every CRC and every record.</summary>
internal sealed class Inspection
{
    /// <summary>The most that are kept; DamageCount counts all of them.</summary>
    public const int MaxFindings = 1000;

    private readonly List<Finding> _damage = [];
    private Finding? _open;

    private Inspection(string path) => Path = path;

    public string Path { get; }

    public long Bytes { get; private set; }

    public long BatchesCount { get; private set; }

    /// <summary>Records, those of control batches included.</summary>
    public long RecordsCount { get; private set; }

    /// <summary>Null: no record.</summary>
    public long? FirstOffset { get; private set; }

    /// <summary>Null: no record.</summary>
    public long? LastOffset { get; private set; }

    /// <summary>The first <see cref="MaxFindings"/>.</summary>
    public IReadOnlyList<Finding> Damage => _damage;

    public long DamageCount { get; private set; }

    public long DamagedBytes { get; private set; }

    public WriterState Writer { get; private set; }

    /// <summary>Whether nothing more will be written to it.</summary>
    public bool IsFinal { get; private set; }

    /// <summary>
    /// Bytes at the end that are not a whole batch yet, while the writer may live, or that it wrote after they were read; without
    /// <see cref="PreparedBytes"/>.
    /// </summary>
    public long UnfinishedBytes { get; private set; }

    /// <summary>Zeros at the end: space that the writer has prepared, if it may live.</summary>
    public long PreparedBytes { get; private set; }

    /// <summary>True if there are bytes, but no batch, and no writer that is known to live.</summary>
    public bool HasNothingSound { get; private set; }

    public bool IsSound => DamageCount == 0 && !HasNothingSound;

    /// <summary>Reads a segment to its end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="inspector">Who else looks; null: nobody.</param>
    /// <param name="progress">Told how many bytes are done, of how many.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends it.</param>
    public static Inspection Of(
        string path, IInspector? inspector, Action<long, long> progress, TimeProvider time, CancellationToken cancellation)
    {
        var inspection = new Inspection(path);
        inspection.Run(inspector, progress, time, cancellation);
        return inspection;
    }

    private void Run(IInspector? inspector, Action<long, long> progress, TimeProvider time, CancellationToken cancellation)
    {
        using var scan = new SegmentScan(Path, time);
        var all = scan.Bytes;
        for (var step = scan.Next(); step != ScanStep.End; step = scan.Next())
        {
            cancellation.ThrowIfCancellationRequested();
            progress(scan.Position, all);
            if (step == ScanStep.Damage)
            {
                Found(scan.Damage!.Position, scan.Damage.EndPosition, scan.Damage.IsTornTail, scan.Damage.Reason);
                inspector?.Damaged(scan.Damage.Position, scan.Damage.EndPosition);
            }
            else
            {
                Take(scan, inspector);
            }
        }

        Close(null);
        Bytes = scan.Bytes;
        Writer = scan.ProbeWriter();
        IsFinal = scan.IsFinal(Writer);
        UnfinishedBytes = scan.WrittenEnd - scan.Position;
        PreparedBytes = Math.Max(0, Bytes - scan.WrittenEnd);
        HasNothingSound = scan.HasNothingSound(Writer);
    }

    private void Take(SegmentScan scan, IInspector? inspector)
    {
        BatchesCount++;
        try
        {
            var records = scan.Records();
            inspector?.Batch(scan);
            while (records.MoveNext())
            {
                Take(scan, records.Current.Offset);
                inspector?.Record(records.Current, LastOffset!.Value);
            }

            inspector?.Sound(scan);
        }
        catch (CorruptBatchException e)
        {
            Found(scan.BatchPosition, scan.Position, false, e.Message);
            inspector?.Damaged(scan.BatchPosition, scan.Position);
        }

        if (scan.DamagedBaseOffset is { } stored)
        {
            Found(
                scan.BatchPosition,
                scan.BatchPosition + sizeof(long),
                false,
                $"the stored base offset is {stored}, the batch's sequence says {scan.Header.BaseOffset}");
        }
    }

    private void Take(SegmentScan scan, long offset)
    {
        RecordsCount++;
        Close(offset);
        if (offset <= LastOffset && _open is null)
        {
            Found(scan.BatchPosition, scan.Position, false, $"offset {offset} comes after offset {LastOffset}");
        }

        FirstOffset ??= offset;
        LastOffset = offset;
    }

    private void Found(long position, long end, bool isTornTail, string reason)
    {
        Close(null);
        _open = new Finding(position, end, isTornTail, reason, LastOffset, null);
        DamageCount++;
        DamagedBytes += end - position;
    }

    private void Close(long? offset)
    {
        if (_open is { } finding && _damage.Count < MaxFindings)
        {
            _damage.Add(finding with { FirstOffsetBehind = offset });
        }

        _open = null;
    }
}
