using BenchmarkDotNet.Attributes;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Benchmarks;

/// <summary>Records of 171 bytes into a new segment, by one thread; the write to the file is part of it.</summary>
public class AppendBenchmarks
{
    private const int Many = 500_000;
    private const int Few = 100_000;
    private const int ValueBytes = 171;

    private readonly byte[][] _values = [.. Enumerable.Range(0, 1000).Select(seed => SomeText.Of(ValueBytes, seed))];
    private readonly byte[] _batch = SomeText.Of(RecordBatchHeader.Bytes + ValueBytes + 9);
    private string _directory = "";
    private LogWriter _writer = null!;
    private SafeFileHandle? _bare;

    [IterationSetup(Targets = [nameof(AppendBuffered), nameof(AppendFlushed)])]
    public void Open() => Open(CompressionType.None);

    [IterationSetup(Target = nameof(AppendFlushedMapped))]
    public void OpenMapped() => Open(CompressionType.None, mapped: true);

    [IterationSetup(Target = nameof(BareWrite))]
    public void OpenBare()
    {
        Open(CompressionType.None);
        _bare = File.OpenHandle(Path.Combine(_directory, "bare"), FileMode.CreateNew, FileAccess.Write);
    }

    [IterationSetup(Target = nameof(AppendBufferedGzip))]
    public void OpenGzip() => Open(CompressionType.Gzip);

    [IterationCleanup]
    public void Close()
    {
        _writer.Dispose();
        _bare?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Batches of 64 KiB.</summary>
    [Benchmark(OperationsPerInvoke = Many)]
    public void AppendBuffered() => Append(Many, Durability.Buffered);

    /// <summary>A batch and a write for each record.</summary>
    [Benchmark(OperationsPerInvoke = Few)]
    public void AppendFlushed() => Append(Few, Durability.Flushed);

    /// <summary>A batch for each record, copied into a memory mapping.</summary>
    [Benchmark(OperationsPerInvoke = Many)]
    public void AppendFlushedMapped() => Append(Many, Durability.Flushed);

    /// <summary>Batches of 64 KiB, compressed.</summary>
    [Benchmark(OperationsPerInvoke = Few)]
    public void AppendBufferedGzip() => Append(Few, Durability.Buffered);

    /// <summary>The system call alone, with as many bytes as a batch of one record has: what AppendFlushed cannot go below.</summary>
    [Benchmark(OperationsPerInvoke = Few)]
    public void BareWrite()
    {
        for (var n = 0; n < Few; n++)
        {
            RandomAccess.Write(_bare!, _batch, n * (long)_batch.Length);
        }
    }

    private void Open(CompressionType codec, bool mapped = false)
    {
        _directory = Directory.CreateTempSubdirectory("kafkalog-bench-").FullName;
        _writer = new LogWriter(new LogWriterOptions { Directory = _directory, Component = "bench", Codec = codec, Mapped = mapped });
        Append(Many, Durability.Buffered); // the pools are as full as in a writer that has run for a while
    }

    private void Append(int count, Durability durability)
    {
        for (var n = 0; n < count; n++)
        {
            _writer.Append(new NewRecord(1_767_225_600_000 + (n / 1000), _values[n % _values.Length]), durability);
        }

        _writer.Flush();
    }
}
