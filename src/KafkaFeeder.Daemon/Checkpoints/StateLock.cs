namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>Prevents two daemons from using one state directory. The kernel releases the lock when the process ends.</summary>
internal sealed class StateLock : IDisposable
{
    private const int WouldBlock = 11; // EWOULDBLOCK: the HResult of a sharing violation in .NET on Linux

    private readonly FileStream _file;

    private StateLock(FileStream file) => _file = file;

    /// <summary>Takes the lock; null if another process has it.</summary>
    /// <exception cref="IOException">The file cannot be created.</exception>
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
