using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Native;

/// <summary>Locks on a whole file that belong to an open handle, not to a process.</summary>
internal static class FileLock
{
    // fcntl(2), flock(2); the numbers are the same on every architecture of .NET.
    private const int TestDescriptionLock = 36;
    private const int SetDescriptionLock = 37;
    private const short ReadLock = 0;
    private const short WriteLock = 1;
    private const short NoLock = 2;
    private const int Shared = 1;
    private const int Exclusive = 2;
    private const int NonBlocking = 4;
    private const int Unlock = 8;

    private const int NotSupported = 95; // EOPNOTSUPP

    /// <summary>EAGAIN, which is also EWOULDBLOCK.</summary>
    private static int WouldBlock => OperatingSystem.IsMacOS() ? 35 : 11;

    /// <summary>Takes an open file description lock for writing (Linux). Returns the error number; 0: it is held.</summary>
    public static int TryHold(SafeFileHandle file)
    {
        if (!Environment.Is64BitProcess)
        {
            return NotSupported; // the structure has another layout there
        }

        var range = new SystemCalls.FileLockRange { Type = WriteLock };
        return SystemCalls.FileControl(file, SetDescriptionLock, ref range) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Whether somebody else holds one for writing (Linux); null if the kernel does not say.</summary>
    public static bool? IsHeld(SafeFileHandle file)
    {
        if (!Environment.Is64BitProcess)
        {
            return null;
        }

        var range = new SystemCalls.FileLockRange { Type = ReadLock };
        return SystemCalls.FileControl(file, TestDescriptionLock, ref range) == 0 ? range.Type != NoLock : null;
    }

    /// <summary>Takes a shared flock: for a Unix that is not Linux. Returns the error number; 0: it is held.</summary>
    public static int TryHoldWhole(SafeFileHandle file) =>
        SystemCalls.Flock(file, Shared | NonBlocking) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>
    /// Whether somebody else holds a flock; null if the kernel does not say. Tested by taking an exclusive one and releasing
    /// it at once: two processes that test at the same time may each take the other for a holder, until they test again.
    /// </summary>
    public static bool? IsWholeHeld(SafeFileHandle file)
    {
        if (SystemCalls.Flock(file, Exclusive | NonBlocking) != 0)
        {
            return Marshal.GetLastPInvokeError() == WouldBlock ? true : null;
        }

        return SystemCalls.Flock(file, Unlock) == 0
            ? false
            : throw new IOException($"cannot release the lock of a segment (errno {Marshal.GetLastPInvokeError()})");
    }
}
