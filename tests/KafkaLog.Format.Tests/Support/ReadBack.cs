using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Support;

/// <summary>A batch that was read: where it stands, and its records.</summary>
internal sealed record BatchSeen(long Start, long End, IReadOnlyList<Seen> Records);

/// <summary>
/// What a reader finds in a file up to its end, after its writer is gone. While reading, it asserts that batches and damage
/// cover the file without gap or overlap, and that each call makes progress.
/// </summary>
internal sealed class ReadBack
{
    [ThreadStatic]
    private static RecordBatchDecoder? _decoder; // its buffer is what costs

    public List<BatchSeen> Batches { get; } = [];

    public List<SegmentDamage> Damage { get; } = [];

    public IEnumerable<Seen> Records => Batches.SelectMany(batch => batch.Records);

    /// <summary>How often a search continued with the next call.</summary>
    public int Searches { get; private set; }

    /// <summary>Reads a file to its end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="searchBytes">What one call may search through.</param>
    public static ReadBack Of(string path, long searchBytes = long.MaxValue)
    {
        using var reader = SegmentReader.Open(path);
        reader.SearchBudgetBytes = searchBytes;
        var read = new ReadBack();
        read.Continue(reader);
        read.Finish(reader);
        return read;
    }

    /// <summary>Reads until the reader needs more.</summary>
    public void Continue(SegmentReader reader)
    {
        var decoder = _decoder ??= new RecordBatchDecoder();
        while (true)
        {
            var before = reader.Position;
            switch (reader.TryRead())
            {
                case SegmentReadStatus.Batch:
                    Assert.Equal(before, reader.BatchPosition);
                    Assert.Equal(before + reader.Batch.Length, reader.Position);
                    Batches.Add(new BatchSeen(before, reader.Position, RecordsOf(decoder, reader)));
                    break;
                case SegmentReadStatus.Corrupt:
                    Assert.Equal(before, reader.Position);
                    Pass(reader, reader.Damage!);
                    break;
                case SegmentReadStatus.Searching:
                    Assert.Equal(before, reader.Position);
                    Searches++;
                    continue;
                default:
                    Assert.Equal(before, reader.Position);
                    return;
            }

            Assert.True(reader.Position > before);
        }
    }

    /// <summary>The writer is gone: moves past the rest, until all is accounted for.</summary>
    public void Finish(SegmentReader reader)
    {
        for (var status = reader.TryReadTail(); status != SegmentReadStatus.NeedMore; status = reader.TryReadTail())
        {
            if (status == SegmentReadStatus.Searching)
            {
                Searches++;
                continue;
            }

            Pass(reader, reader.Damage!);
            Continue(reader);
        }

        Assert.Equal(RandomAccess.GetLength(reader.File), reader.Position);
    }

    private void Pass(SegmentReader reader, SegmentDamage damage)
    {
        Assert.Equal(reader.Position, damage.Position);
        Assert.True(damage.Bytes > 0);
        Assert.NotEqual("", damage.Reason);
        Damage.Add(damage);
        reader.Pass(damage);
    }

    private static List<Seen> RecordsOf(RecordBatchDecoder decoder, SegmentReader reader)
    {
        var records = new List<Seen>();
        var each = decoder.Decode(reader.Batch.Span);
        while (each.MoveNext())
        {
            records.Add(Seen.Of(each.Current));
        }

        Assert.Equal(reader.Header.RecordsCount, records.Count);
        return records;
    }
}
