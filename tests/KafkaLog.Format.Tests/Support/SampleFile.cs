using System.Buffers.Binary;
using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Format.Tests.Support;

/// <summary>A small sound segment, to be damaged. The ends of its batches are computed here, not by the code under test.</summary>
internal sealed record SampleFile(string Name, byte[] Bytes)
{
    private const int MaxCutBytes = 5_000;

    private static readonly Lazy<IReadOnlyList<SampleFile>> LazyAll = new(() => [.. Ours(), .. Foreign()]);

    /// <summary>Each magic with each codec written by us, and cuts of what Kafka, librdkafka and go-kafkalog wrote.</summary>
    public static IReadOnlyList<SampleFile> All => LazyAll.Value;

    /// <summary>The position after each batch.</summary>
    public IReadOnlyList<int> Ends { get; } = EndsOf(Bytes);

    /// <summary>True if each of its batches is magic 2 and carries our identity, and so the low bits of its offset under the CRC.</summary>
    public bool HasSegmentId => Name.StartsWith("ours 2", StringComparison.Ordinal);

    /// <summary>The batch that holds a byte.</summary>
    public int BatchOf(int position) => Ends.Index().First(end => position < end.Item).Index;

    public int StartOf(int batch) => batch == 0 ? 0 : Ends[batch - 1];

    public byte MagicOf(int batch) => Bytes[StartOf(batch) + 16];

    public static SampleFile Named(string name) => All.Single(file => file.Name == name);

    private static IEnumerable<SampleFile> Ours()
    {
        for (byte magic = 0; magic <= 2; magic++)
        {
            foreach (var compression in Enum.GetValues<CompressionType>().Where(type => magic == 2 || type != CompressionType.Zstd))
            {
                yield return new SampleFile($"ours {magic} {compression}", Written(magic, compression, 3, 1, 4));
            }
        }
    }

    /// <summary>A segment of batches with the given numbers of records.</summary>
    public static byte[] Written(byte magic, CompressionType compression, params int[] batches)
    {
        using var folder = new TempFolder();
        using (var writer = new LogWriter(Some.Options(folder) with { Magic = magic, Codec = compression }))
        {
            var n = 0;
            foreach (var count in batches)
            {
                for (var i = 0; i < count; i++, n++)
                {
                    RecordHeader[] headers = magic == 2 && n % 3 == 1
                        ? [new RecordHeader("name", "of record " + n), new RecordHeader("null", null)]
                        : [];
                    writer.Append(
                        new NewRecord(
                            1_000 + n,
                            Encoding.ASCII.GetBytes("key " + (n % 3)),
                            Encoding.ASCII.GetBytes($"value {n} of this segment of this segment of this segment")) { Headers = headers });
                }

                writer.Flush();
            }
        }

        return File.ReadAllBytes(folder.Segments().Single());
    }

    private static IEnumerable<SampleFile> Foreign()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "data");
        foreach (var listing in Directory.GetFiles(folder, "*.jsonl.gz", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var path = listing[..^".jsonl.gz".Length];
            var name = Path.GetRelativePath(folder, path);
            if (name.EndsWith("large.log", StringComparison.Ordinal))
            {
                continue; // no two batches of it are small
            }

            var bytes = File.ReadAllBytes(path);
            foreach (var (cut, what) in Cuts(bytes))
            {
                yield return new SampleFile(name + what, cut);
            }
        }
    }

    /// <summary>The smallest stretch of whole batches: of compressed ones if there are any, and where the magic changes.</summary>
    private static IEnumerable<(byte[] Bytes, string What)> Cuts(byte[] bytes)
    {
        var ends = EndsOf(bytes);
        var windows = Windows(ends, 4).DefaultIfEmpty(Windows(ends, 2).First()).ToList();
        var isCompressed = ends.Prepend(0).SkipLast(1).Any(IsCompressed);
        var best = windows.Where(window => !isCompressed || window.Batches.Count(IsCompressed) >= 2).Take(1);
        foreach (var window in best)
        {
            yield return (bytes[window.Start..window.End], "");
        }

        var changes = windows.Where(window => window.Batches.Select(at => bytes[at + 16]).Distinct().Count() > 1)
            .DistinctBy(window => string.Concat(window.Batches.Select(at => bytes[at + 16]).Distinct()));
        foreach (var window in changes)
        {
            yield return (bytes[window.Start..window.End], " " + string.Concat(window.Batches.Select(at => bytes[at + 16])));
        }

        static IEnumerable<(int Start, List<int> Batches, int End)> Windows(List<int> ends, int count) =>
            from first in Enumerable.Range(0, ends.Count - count + 1)
            let batches = Enumerable.Range(first, count).Select(i => i == 0 ? 0 : ends[i - 1]).ToList()
            let window = (Start: batches[0], Batches: batches, End: ends[first + count - 1])
            where window.End - window.Start <= MaxCutBytes
            orderby window.End - window.Start
            select window;

        bool IsCompressed(int at) => (bytes[at + (bytes[at + 16] == 2 ? 22 : 17)] & 7) != 0;
    }

    private static List<int> EndsOf(byte[] bytes)
    {
        var ends = new List<int>();
        for (var at = 0; at < bytes.Length;)
        {
            at += 12 + BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + 8));
            ends.Add(at);
        }

        return ends;
    }

    public override string ToString() => Name;
}
