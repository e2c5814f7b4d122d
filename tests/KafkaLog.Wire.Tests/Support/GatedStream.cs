using KafkaFeeder.Tests;

namespace KafkaLog.Wire.Tests.Support;

/// <summary>Writes nothing while it is shut.</summary>
/// <param name="stream">What it writes to.</param>
/// <param name="isLate">True: writes, but the write does not end while it is shut.</param>
internal sealed class GatedStream(Stream stream, bool isLate = false) : PassingStream(stream)
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
        if (isLate)
        {
            await base.WriteAsync(buffer, cancellationToken);
        }

        await _open.Task.WaitAsync(cancellationToken);
        if (!isLate)
        {
            await base.WriteAsync(buffer, cancellationToken);
        }
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
