using System.Collections.Concurrent;
using KafkaFeeder.Daemon.Telemetry;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Partitioning;
using KafkaLog.Wire.Producing;
using KafkaLog.Wire.Security;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>What the logs of a broker group share. Thread-safe.</summary>
/// <param name="cluster">The brokers.</param>
/// <param name="health">What is known about them.</param>
/// <param name="description">The brokers, as text.</param>
/// <param name="logger">Logs events.</param>
internal sealed class WireGroup(IProducerCluster cluster, BrokerHealth health, string description, ILogger logger) : IDisposable
{
    private const int MaxIdleAssemblers = 8;
    private const int AllBrokersDown = -187;
    private const int Authentication = -169;
    private const int Transport = -195;

    private readonly ConcurrentBag<BatchAssembler> _assemblers = [];
    private readonly ThreadLocal<RecordBatchDecoder> _decoder = new(() => new RecordBatchDecoder());

    public IProducerCluster Cluster => cluster;

    public BrokerHealth Health => health;

    public string Description => description;

    /// <summary>How records are compressed that are not stored compressed; null: they are not.</summary>
    public ICompressionCodec? Codec { get; init; }

    /// <summary>Neighbouring batches are sent as one of up to this size, in bytes.</summary>
    public int BatchBytes { get; init; } = 512 << 10;

    /// <summary>See <see cref="PlacePartition"/>. A test makes it short, so that a small file reaches several partitions.</summary>
    public int StretchBytes { get; init; } = PlacePartition.DefaultStretchBytes;

    /// <summary>Begins work that asks the brokers, on another thread. A test begins it when it wants to.</summary>
    public Func<Func<Task>, Task> Begin { get; init; } = Task.Run;

    /// <summary>The decoder of this thread.</summary>
    public RecordBatchDecoder Decoder => _decoder.Value!;

    public BatchAssembler RentAssembler() => _assemblers.TryTake(out var assembler) ? assembler : new BatchAssembler();

    public void Return(BatchAssembler assembler)
    {
        if (_assemblers.Count >= MaxIdleAssemblers)
        {
            assembler.Dispose();
            return;
        }

        assembler.Reset();
        _assemblers.Add(assembler);
    }

    /// <summary>Something that is not the fault of a log or a topic went wrong.</summary>
    /// <param name="e">What went wrong.</param>
    /// <param name="isNoBroker">True if all brokers were tried.</param>
    public void Failed(Exception e, bool isNoBroker)
    {
        var code = e is AuthenticationException ? Authentication : isNoBroker ? AllBrokersDown : Transport;
        health.Failed(code, e.Message, ProduceErrors.KindOf(code));
    }

    /// <summary>A topic takes only smaller batches.</summary>
    public void SmallerBatches(string topic, int bytes) => FeederLog.SmallerRequests(logger, topic, Words.Bytes(bytes));

    public void Dispose()
    {
        while (_assemblers.TryTake(out var assembler))
        {
            assembler.Dispose();
        }

        _decoder.Dispose();
    }
}
