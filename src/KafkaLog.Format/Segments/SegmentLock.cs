using System.Runtime.InteropServices;
using KafkaLog.Format.Native;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Tells whether the writer of a segment lives. A writer holds a shared lock (flock) on its open segment, as every
/// file that .NET opens for writing does; the kernel drops it with the process. Works between containers on one volume.
/// </summary>
public static class SegmentLock
{
    /// <summary>
    /// True if somebody holds the segment open for writing. The lock is tried and given back at once; a writer that
    /// creates its segment in this very moment takes another name.
    /// </summary>
    public static bool IsWriterAlive(SafeFileHandle segment)
    {
        if (!TryTake(segment))
        {
            return true;
        }

        Release(segment);
        return false;
    }

    /// <summary>Takes the lock for oneself, so that no writer can have the segment open; false if one has.</summary>
    public static bool TryTake(SafeFileHandle segment) =>
        OperatingSystem.IsWindows() || SystemCalls.Flock(segment, SystemCalls.LockExclusive | SystemCalls.LockNonBlocking) == 0;

    /// <summary>Gives the lock back.</summary>
    public static void Release(SafeFileHandle segment)
    {
        if (!OperatingSystem.IsWindows() && SystemCalls.Flock(segment, SystemCalls.Unlock) != 0)
        {
            throw new IOException($"cannot unlock a segment (errno {Marshal.GetLastPInvokeError()})");
        }
    }
}
