using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Benchmarks;

/// <summary>A segment of 500,000 records of 171 bytes, in batches of 64 KiB, from the page cache.</summary>
public partial class ReadBenchmarks
{
    private const int Records = 500_000;
    private const int ValueBytes = 171;
    private const int CrcBytes = 64 * 1024;
    private const int CrcRounds = 2_000;

    private readonly byte[] _block = SomeText.Of(CrcBytes);
    private readonly byte[] _copy = new byte[CrcBytes];
    private string _directory = "";
    private string _segment = "";

    [GlobalSetup]
    public void Write()
    {
        _directory = Directory.CreateTempSubdirectory("kafkalog-bench-").FullName;
        var value = SomeText.Of(ValueBytes);
        using (var writer =
            new LogWriter(new LogWriterOptions { Directory = _directory, Component = "bench", Interval = TimeSpan.FromDays(1) }))
        {
            for (var n = 0; n < Records; n++)
            {
                writer.Append(new NewRecord(1_767_225_600_000 + (n / 1000), value));
            }
        }

        _segment = Directory.GetFiles(_directory).Single();
    }

    [GlobalCleanup]
    public void Delete() => Directory.Delete(_directory, recursive: true);

    /// <summary>Finds the batches and checks the CRC of each. Bytes of values.</summary>
    [Benchmark(OperationsPerInvoke = Records)]
    [Bytes(ValueBytes)]
    public long ReadBatches()
    {
        using var reader = SegmentReader.Open(_segment);
        while (reader.TryRead() == SegmentReadStatus.Batch)
        {
        }

        return reader.NextOffset == Records
            ? reader.Position
            : throw new InvalidDataException($"{reader.NextOffset} records were read, {Records} are there.");
    }

    /// <summary>The same, and decodes every record. Bytes of values.</summary>
    [Benchmark(OperationsPerInvoke = Records)]
    [Bytes(ValueBytes)]
    public long ReadRecords()
    {
        using var reader = SegmentReader.Open(_segment);
        var decoder = new RecordBatchDecoder();
        var bytes = 0L;
        while (reader.TryRead() == SegmentReadStatus.Batch)
        {
            var records = decoder.Decode(reader.Batch.Span);
            while (records.MoveNext())
            {
                bytes += records.Current.Value.Length;
            }
        }

        return bytes == (long)Records * ValueBytes ? bytes : throw new InvalidDataException($"{bytes} bytes of values were read.");
    }

    /// <summary>CRC-32 of a block of 64 KiB, for magic 0 and 1.</summary>
    [Benchmark(OperationsPerInvoke = CrcRounds)]
    [Bytes(CrcBytes)]
    public uint Crc32Block()
    {
        var crc = 0u;
        for (var round = 0; round < CrcRounds; round++)
        {
            crc ^= Crc32.Compute(_block);
        }

        return crc;
    }

    /// <summary>The same by the system's libz.</summary>
    [Benchmark(OperationsPerInvoke = CrcRounds)]
    [Bytes(CrcBytes)]
    public ulong LibzCrc32Block()
    {
        var crc = 0ul;
        for (var round = 0; round < CrcRounds; round++)
        {
            crc ^= LibzCrc32(0, _block, CrcBytes);
        }

        return crc;
    }

    /// <summary>A copy of the same block: the speed of memory.</summary>
    [Benchmark(OperationsPerInvoke = CrcRounds)]
    [Bytes(CrcBytes)]
    public void CopyBlock()
    {
        for (var round = 0; round < CrcRounds; round++)
        {
            _block.CopyTo(_copy, 0);
        }
    }

    [LibraryImport("libz.so.1", EntryPoint = "crc32")]
    private static partial ulong LibzCrc32(ulong crc, byte[] bytes, uint length);

    /// <summary>CRC-32C of a block of 64 KiB.</summary>
    [Benchmark(OperationsPerInvoke = CrcRounds)]
    [Bytes(CrcBytes)]
    public uint Crc32CBlock()
    {
        var crc = 0u;
        for (var round = 0; round < CrcRounds; round++)
        {
            crc ^= Crc32C.Compute(_block);
        }

        return crc;
    }
}
