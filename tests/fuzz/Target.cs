using System.Buffers;
using System.Globalization;
using System.Text.RegularExpressions;
using KafkaLog.Format;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Fuzz;

/// <summary>A promise that does not hold.</summary>
internal sealed class BrokenPromiseException(string message) : Exception(message);

/// <summary>
/// Runs an input and holds the code under test to its promises: only documented exceptions, an end, bounded memory, every
/// byte of a file accounted for once, the same records when reading begins in the middle, and what was accepted comes
/// back when it is written again. Returns what happened, in words without numbers: two inputs with the same are alike.
/// </summary>
internal sealed partial class Target : IDisposable
{
    /// <summary>The largest batch, and the most it may decompress to. Small, so that passing them is cheap.</summary>
    private const int MaxBytes = 1 << 20;

    // A wrapper is opened with the default cap, and a buffer that doubles has been allocated twice.
    private const long MaxAllocatedBytes = 4 * SegmentReader.DefaultMaxBatchBytes;

    private readonly string _path =
        Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"kafkalog-fuzz-{Environment.ProcessId}.szn");
    private readonly RecordBatchDecoder _decoder = new(MaxBytes);
    private readonly SortedSet<string> _features = new(StringComparer.Ordinal);

    /// <summary>The most that any input made the code allocate, in bytes.</summary>
    public long MostAllocatedBytes { get; private set; }

    public IReadOnlyCollection<string> Run(FuzzInput input)
    {
        _features.Clear();
        var before = GC.GetAllocatedBytesForCurrentThread();
        if (input.IsBlock)
        {
            RunBlock(input);
        }
        else
        {
            RunFile(input.Bytes);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        MostAllocatedBytes = Math.Max(MostAllocatedBytes, allocated);
        Promise(allocated <= MaxAllocatedBytes, $"{allocated} bytes allocated for an input of {input.Bytes.Length}");
        return _features;
    }

    public void Dispose() => File.Delete(_path);

    private void RunBlock(FuzzInput input)
    {
        var codec = CompressionCodecs.For(input.Codec, input.Magic)!;
        var plain = new ArrayBufferWriter<byte>();
        try
        {
            codec.Decompress(input.Bytes, plain, MaxBytes);
            Promise(plain.WrittenCount <= MaxBytes, "more than the cap");
            Saw($"{input.Codec} {input.Magic} 2^{Log2(plain.WrittenCount)}");
        }
        catch (CorruptBatchException e)
        {
            Saw($"{input.Codec} {input.Magic} ", e.Message);
        }
    }

    private void RunFile(byte[] bytes)
    {
        File.WriteAllBytes(_path, bytes);
        var records = new List<Copy>();
        var batches = new List<(long End, long NextOffset, int Records)>();
        long end;
        using (var reader = new SegmentReader(SegmentHandle.OpenForReading(_path), _path, maxBatchBytes: MaxBytes))
        {
            Saw($"identity {reader.HasSegmentId}");
            end = ReadToEnd(reader, bytes.Length, records, batches);
        }

        if (end < bytes.Length)
        {
            return; // held for a codec that is not there
        }

        Saw($"batches 2^{Log2(batches.Count)}, records 2^{Log2(records.Count)}");
        if (batches.Count > 1)
        {
            ReadAgainFromTheMiddle(batches, records, bytes.Length);
        }

        for (byte magic = 0; magic <= 2; magic++)
        {
            WriteAgain(records.Where(r => r.Magic == magic).ToList(), magic);
        }
    }

    /// <summary>Returns where reading stopped.</summary>
    private long ReadToEnd(SegmentReader reader, long size, List<Copy> records, List<(long End, long NextOffset, int Records)> batches)
    {
        for (var calls = 0; ; calls++)
        {
            Promise(calls <= size, "more calls than bytes");
            var before = reader.Position;
            SegmentReadStatus status;
            try
            {
                status = reader.TryRead();
            }
            catch (UnsupportedBatchException e)
            {
                Promise(reader.Position == before, "moved though it threw");
                Saw("held ", e.Message);
                return before;
            }

            SegmentDamage? damage = null;
            if (status == SegmentReadStatus.Batch)
            {
                Promise(reader.BatchPosition == before && reader.Position == before + reader.Batch.Length
                    && reader.Batch.Length > 0, "the batch is not what was consumed");
                Promise(RecordBatchHeader.ComputeCrc(reader.Batch.Span) == reader.Header.StoredCrc, "the batch has a wrong CRC");
                Decode(reader, records);
                batches.Add((reader.Position, reader.NextOffset, records.Count));
                continue;
            }

            damage = status == SegmentReadStatus.Corrupt ? reader.Damage : reader.FindTail();
            Promise(reader.Position == before, "damage was consumed");
            if (damage is null)
            {
                Promise(before == size, $"stopped at {before} of {size} bytes");
                return before;
            }

            Promise(damage.Position == before && damage.EndPosition > before && damage.EndPosition <= size, $"{damage} at {before}");
            Saw($"{status} {damage.IsTornTail} ", damage.Reason);
            reader.Pass(damage);
        }
    }

    private void Decode(SegmentReader reader, List<Copy> records)
    {
        var header = reader.Header;
        var kind = $"magic {header.Magic} {header.Compression}";
        var first = records.Count;
        try
        {
            var each = _decoder.Decode(reader.Batch.Span);
            while (each.MoveNext())
            {
                records.Add(Copy.Of(each.Current, header));
            }

            Promise(records.Count - first == header.RecordsCount, $"{records.Count - first} of {header.RecordsCount} records");
            Saw($"{kind} 2^{Log2(header.RecordsCount)} control {header.IsControl} append {header.IsLogAppendTime}");
        }
        catch (CorruptBatchException e)
        {
            records.RemoveRange(first, records.Count - first);
            Saw(kind + " ", e.Message);
        }
        catch (UnsupportedBatchException e)
        {
            Saw(kind + " ", e.Message);
        }
    }

    private void ReadAgainFromTheMiddle(List<(long End, long NextOffset, int Records)> batches, List<Copy> records, long size)
    {
        var (end, nextOffset, before) = batches[(batches.Count - 1) / 2];
        var again = new List<Copy>();
        using var reader = new SegmentReader(SegmentHandle.OpenForReading(_path), _path, end, nextOffset, MaxBytes);
        if (!reader.HasSegmentId)
        {
            // Without the identity in front the first one that comes is taken: that may be another.
            return;
        }

        ReadToEnd(reader, size, again, []);
        Promise(again.SequenceEqual(records.Skip(before)), "other records when reading begins in the middle");
    }

    private void WriteAgain(List<Copy> records, byte magic)
    {
        var path = _path + ".again";
        var next = 0L;
        var written = new List<Copy>();
        try
        {
            using (var writer = SegmentWriter.Create(path, magic, magic == 2 ? CompressionType.Zstd : CompressionType.Lz4, 4096))
            {
                foreach (var record in records.Where(r => r.Offset < long.MaxValue / 2))
                {
                    if (record.Offset >= next)
                    {
                        writer.Append(
                            new NewRecord { Timestamp = record.Timestamp, Key = record.Key, HasKey = record.Key is not null,
                                Value = record.Value, HasValue = record.Value is not null, Headers = record.Headers },
                            record.Offset);
                        next = record.Offset + 1;
                        written.Add(record);
                    }
                }

                writer.Complete();
            }

            var found = new List<Copy>();
            using var reader = SegmentReader.Open(path);
            while (reader.TryRead() == SegmentReadStatus.Batch)
            {
                var each = _decoder.Decode(reader.Batch.Span);
                while (each.MoveNext())
                {
                    found.Add(Copy.Of(each.Current, reader.Header));
                }
            }

            Promise(reader.Position == RandomAccess.GetLength(reader.File), "what was written again is not read to its end");
            Promise(found.SequenceEqual(written), "other records when written again");
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Something happened; of a message only what is no number.</summary>
    private void Saw(string what, string message = "") => _features.Add(what + Numbers().Replace(message, "#"));

    [GeneratedRegex("-?(0x[0-9a-f]+|[0-9]+)")]
    private static partial Regex Numbers();

    private static int Log2(int value) => value == 0 ? -1 : System.Numerics.BitOperations.Log2((uint)value);

    private static void Promise(bool holds, string what)
    {
        if (!holds)
        {
            throw new BrokenPromiseException(what);
        }
    }

    /// <summary>A record with its bytes copied.</summary>
    private sealed record Copy(byte Magic, long Offset, long Timestamp, byte[]? Key, byte[]? Value, RecordHeader[] Headers)
    {
        public static Copy Of(in Record record, in RecordBatchHeader header) =>
            new(header.Magic, record.Offset, record.Timestamp, record.HasKey ? record.Key.ToArray() : null, record.HasValue
                ? record.Value.ToArray()
                : null, record.CopyHeaders());

        public bool Equals(Copy? other) =>
            other is not null && Offset == other.Offset && Timestamp == other.Timestamp && Same(Key, other.Key) && Same(Value, other.Value)
            && Headers.Length == other.Headers.Length
            && Headers.Zip(other.Headers).All(
                pair => pair.First.Name.Span.SequenceEqual(pair.Second.Name.Span)
                    && Same(pair.First.Value?.ToArray(), pair.Second.Value?.ToArray()));

        public override int GetHashCode() => Offset.GetHashCode();

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Offset} {Timestamp} {Value?.Length}");

        private static bool Same(byte[]? a, byte[]? b) => a is null ? b is null : b is not null && a.AsSpan().SequenceEqual(b);
    }
}
