using System.Collections.Concurrent;
using Serilog.Debugging;

namespace KafkaLog.Sink.Tests.Support;

/// <summary>What Serilog's SelfLog says meanwhile. The process has only one, so tests with it do not run in parallel.</summary>
internal sealed class SelfLogLines : IDisposable
{
    private readonly ConcurrentQueue<string> _lines = new();

    public SelfLogLines() => SelfLog.Enable(_lines.Enqueue);

    public string[] All => [.. _lines];

    public void Dispose() => SelfLog.Disable();
}

[Xunit.CollectionDefinition(nameof(SelfLogLines), DisableParallelization = true)]
public sealed class SelfLogGroup;
