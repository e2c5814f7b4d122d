using KafkaFeeder.Daemon.Checkpoints;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Keeps a second daemon, with a checkpoint directory of its own, from shipping the same log: a lock file beside the
/// segments. The kernel drops the lock with the process. Where the daemon may not create files there is no lock, and the
/// state lock is all there is.
/// </summary>
internal static class LogLock
{
    /// <summary>Takes the lock.</summary>
    /// <param name="directory">The log's directory.</param>
    /// <param name="component">The log's component.</param>
    /// <param name="held">Keeps the lock until it is disposed of; null if another process has it, or no file may be made there.</param>
    /// <returns>False if another process has it.</returns>
    public static bool TryTake(string directory, string component, out StateLock? held)
    {
        held = null;
        try
        {
            held = StateLock.TryTake(Path.Combine(directory, $".{component}.kafkafeeder-lock"));
            return held is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
