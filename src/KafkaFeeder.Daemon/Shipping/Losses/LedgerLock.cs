using System.Runtime.InteropServices;
using KafkaFeeder.Daemon.Files;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Keeps two processes from adding to the ledger at once: flock on its directory, which needs no file of its own (one that
/// root has made the daemon could not open) and does not change when the ledger is replaced. Where the file system has no
/// such lock there is none: an entry is one call that appends.
/// </summary>
internal static class LedgerLock
{
    /// <summary>Waits for the lock. Dispose lets go of it.</summary>
    public static SafeFileHandle Take(string directory)
    {
        var file = new SafeFileHandle(
            FileCalls.OpenAt(FileCalls.CurrentDirectory, directory, FileCalls.ReadOnly | FileCalls.Directory | FileCalls.CloseOnExec, 0),
            ownsHandle: true);
        while (!file.IsInvalid && FileCalls.Flock(file, FileCalls.LockExclusive) != 0 && Marshal.GetLastPInvokeError() == Interrupted)
        {
            // A signal came: wait on.
        }

        return file;
    }

    private const int Interrupted = 4;
}
