using KafkaFeeder.Tests;

namespace KafkaLog.Wire.Tests.Support;

/// <summary>Writes nothing while it is shut.</summary>
internal sealed class GatedStream(Stream stream) : PassingStream(stream)
{
    private TaskCompletionSource _open = NewGate(isOpen: true);
    private int _writes;

    /// <summary>Writes that were begun.</summary>
    public int Writes => Volatile.Read(ref _writes);

    public void Shut() => _open = NewGate(isOpen: false);

    public void Open() => _open.TrySetResult();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _writes);
        await _open.Task.WaitAsync(cancellationToken);
        await base.WriteAsync(buffer, cancellationToken);
    }

    private static TaskCompletionSource NewGate(bool isOpen)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (isOpen)
        {
            gate.SetResult();
        }

        return gate;
    }
}
