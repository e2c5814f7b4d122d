namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>Keeps two daemons from shipping from one state directory. The kernel lets go of it with the process.</summary>
internal sealed class StateLock : IDisposable
{
    private const int WouldBlock = 11; // EWOULDBLOCK: what .NET gives a sharing violation on Linux

    private readonly FileStream _file;

    private StateLock(FileStream file) => _file = file;

    /// <summary>Takes the lock; null if another process has it.</summary>
    /// <exception cref="IOException">The file cannot be made.</exception>
    public static StateLock? TryTake(string path)
    {
        try
        {
            return new StateLock(new FileStream(path, StateDirectory.Private(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)));
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();
}
