using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Native;

/// <summary>
/// Where a file has no blocks on the disk and reads as zeros (lseek(2)). If the kernel does not say, everything is data.
/// </summary>
internal static class FileHoles
{
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int NoMoreData = 6; // ENXIO

    /// <summary>Larger than any file, and far from an overflow.</summary>
    private const long NoHole = long.MaxValue / 2;

    private static bool IsKnown => OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    /// <summary>
    /// The first byte of data at or after <paramref name="position"/>; <see cref="long.MaxValue"/> if only a hole follows.
    /// </summary>
    public static long NextData(SafeFileHandle file, long position)
    {
        if (!IsKnown)
        {
            return position;
        }

        var next = SystemCalls.Seek(file, position, SeekData);
        return next >= 0 ? next : System.Runtime.InteropServices.Marshal.GetLastPInvokeError() == NoMoreData ? long.MaxValue : position;
    }

    /// <summary>The first byte of a hole at or after <paramref name="position"/>; the file's end counts as one.</summary>
    public static long NextHole(SafeFileHandle file, long position)
    {
        var next = IsKnown ? SystemCalls.Seek(file, position, SeekHole) : -1;
        return next >= 0 ? next : NoHole;
    }
}
