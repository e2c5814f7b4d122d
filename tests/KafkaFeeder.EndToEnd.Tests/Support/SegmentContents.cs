using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>All that is in the segments of a directory whose writer is gone.</summary>
/// <param name="Values">The values as text, segment by segment in their order.</param>
/// <param name="Damages">What is no batch: torn tails, one would hope, and nothing else.</param>
public sealed record SegmentContents(IReadOnlyList<string> Values, IReadOnlyList<SegmentDamage> Damages)
{
    /// <summary>Reads every segment to its end.</summary>
    public static SegmentContents Read(string directory)
    {
        var values = new List<string>();
        var damages = new List<SegmentDamage>();
        var decoder = new RecordBatchDecoder();
        foreach (var path in Directory.GetFiles(directory, "*.szn").OrderBy(path => SegmentName.TryParse(Path.GetFileName(path))))
        {
            using var reader = SegmentReader.Open(path);
            SegmentReadStatus status;
            while ((status = reader.TryRead()) != SegmentReadStatus.NeedMore)
            {
                if (status == SegmentReadStatus.Corrupt)
                {
                    damages.Add(reader.Damage!);
                    reader.Pass(reader.Damage!);
                    continue;
                }

                var batch = decoder.Decode(reader.Batch.Span);
                while (batch.MoveNext())
                {
                    values.Add(Encoding.UTF8.GetString(batch.Current.Value));
                }
            }

            if (reader.FindTail() is { } tail)
            {
                damages.Add(tail);
            }
        }

        return new SegmentContents(values, damages);
    }
}
