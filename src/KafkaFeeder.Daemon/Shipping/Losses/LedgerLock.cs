using System.Runtime.InteropServices;
using KafkaFeeder.Daemon.Files;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Prevents two processes from writing to the ledger at once, by flock(2) on its directory. That needs no lock file (the daemon could
/// not open one that root has created), and it holds when the ledger file is replaced. If the file system has no such lock, there is
/// none: then an entry is only protected because it is written by one call.
/// </summary>
internal static class LedgerLock
{
    /// <summary>Waits for the lock. Dispose releases it.</summary>
    public static SafeFileHandle Take(string directory)
    {
        var file = new SafeFileHandle(
            FileCalls.OpenAt(FileCalls.CurrentDirectory, directory, FileCalls.ReadOnly | FileCalls.Directory | FileCalls.CloseOnExec, 0),
            ownsHandle: true);
        while (!file.IsInvalid && FileCalls.Flock(file, FileCalls.LockExclusive) != 0 && Marshal.GetLastPInvokeError() == Interrupted)
        {
            // Interrupted by a signal: wait again.
        }

        return file;
    }

    private const int Interrupted = 4;
}
