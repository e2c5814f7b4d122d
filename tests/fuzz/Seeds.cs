using System.Buffers;
using System.Text;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Fuzz;

/// <summary>What mutation starts from: cuts of files by Kafka, librdkafka and go-kafkalog, and files of each kind by us.</summary>
internal static class Seeds
{
    private const int MaxBytes = 6_000;

    public static IEnumerable<FuzzInput> All()
    {
        foreach (var path in
            Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "data"), "*", SearchOption.AllDirectories).Where(
                p => !p.EndsWith(".gz", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            var bytes = File.ReadAllBytes(path);
            var entries = Entries.Of(bytes);
            foreach (var first in new[] { 0, entries.Count / 2, Math.Max(0, entries.Count - 5) }.Distinct())
            {
                var start = entries[first].Start;
                var end = entries.Skip(first).Take(5).Select(e => e.End).Where(e => e - start <= MaxBytes).DefaultIfEmpty(start).Max();
                if (end > start)
                {
                    yield return new FuzzInput(bytes[start..end]);
                }
            }
        }

        var folder = Directory.CreateTempSubdirectory("kafkalog-fuzz-");
        try
        {
            for (byte magic = 0; magic <= 2; magic++)
            {
                foreach (var type in
                    Enum.GetValues<CompressionType>().Where(t => t == CompressionType.None || CompressionCodecs.For(t, magic) is not null))
                {
                    yield return new FuzzInput(Segment(Path.Combine(folder.FullName, $"{magic}-{type}"), magic, type));
                    if (type != CompressionType.None)
                    {
                        yield return Block(type, magic, 100);
                        yield return Block(type, magic, 70_000);
                    }
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static byte[] Segment(string path, byte magic, CompressionType type)
    {
        using (var writer = SegmentWriter.Create(path, magic, type, batchBytes: 400))
        {
            for (var n = 0; n < 20; n++)
            {
                RecordHeader[] headers = magic == 2 && n % 4 == 0 ? [new RecordHeader("h", "v" + n), new RecordHeader("", null)] : [];
                writer.Append(
                    new NewRecord(
                        1_700_000_000_000 + n,
                        Encoding.ASCII.GetBytes("k" + n),
                        Encoding.ASCII.GetBytes(new string((char)('a' + n), 40))) { Headers = headers, HasKey = n % 3 != 0,
                            HasValue = n % 7 != 0 },
                    n < 10 ? n : n + 5);
            }

            writer.Complete();
        }

        return File.ReadAllBytes(path);
    }

    private static FuzzInput Block(CompressionType type, byte magic, int bytes)
    {
        var plain = new byte[bytes];
        new Random(bytes).NextBytes(plain.AsSpan(0, bytes / 3));
        var block = new ArrayBufferWriter<byte>();
        CompressionCodecs.For(type, magic)!.Compress(plain, block);
        return new FuzzInput(block.WrittenSpan.ToArray(), type, magic);
    }
}
