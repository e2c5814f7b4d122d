using KafkaFeeder.Daemon.Checkpoints;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Prevents a second daemon with another checkpoint directory from shipping the same log, by a lock file next to the segments. The
/// kernel releases the lock when the process ends. If the daemon may not create files there, there is no such lock, only the lock of
/// the state directory.
/// </summary>
internal static class LogLock
{
    /// <summary>Takes the lock.</summary>
    /// <param name="directory">The log's directory.</param>
    /// <param name="component">The log's component.</param>
    /// <param name="held">Holds the lock until it is disposed of; null if another process has it, or no file can be created.</param>
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
