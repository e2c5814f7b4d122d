using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Native;

/// <summary>What share modes say about a file's writer, on Windows.</summary>
internal static partial class WindowsLock
{
    private const uint GenericRead = 0x80000000;
    private const uint ShareRead = 1;
    private const int SharingViolation = 32;

    /// <summary>If a file is open for writing, it cannot be opened with a share mode that lets others only read.</summary>
    /// <returns>Null: unknown.</returns>
    public static bool? IsHeld(SafeFileHandle segment)
    {
        using var again = ReOpenFile(segment, GenericRead, ShareRead, 0);
        var error = Marshal.GetLastPInvokeError();
        return !again.IsInvalid ? false : error == SharingViolation ? true : null;
    }

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial SafeFileHandle ReOpenFile(SafeFileHandle file, uint access, uint share, uint flags);
}
