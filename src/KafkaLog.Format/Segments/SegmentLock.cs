using KafkaLog.Format.Native;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>What is known about a segment's writer.</summary>
internal enum WriterState
{
    /// <summary>Nothing is known: it may still write. See <see cref="SegmentFinality"/>.</summary>
    Unknown,

    /// <summary>Somebody has the segment open for writing.</summary>
    Alive,

    /// <summary>Its writer was there and is gone: nothing more will be written.</summary>
    Gone,
}

/// <summary>
/// The lock that a writer holds on its open segment, and that the kernel drops with the process. On Linux it is an open
/// file description lock (fcntl(2)) for writing: it is tested without being taken, so readers disturb neither the writer
/// nor each other, and whoever may only read the file cannot hold one. It works between containers on one volume.
/// <para>
/// A missing lock proves that the writer is gone only if the writer held it. So the writer notes in each batch that it held
/// the lock, and on which file (<see cref="LockMark"/>). Without the note, on file systems whose locks may not reach other
/// hosts (NFS, SMB, FUSE and unknown ones), and where the kernel gives no answer, the state is unknown.
/// </para>
/// </summary>
internal static class SegmentLock
{
    /// <summary>What is known about the segment's writer. Needs only the right to read, takes no lock, changes nothing.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static WriterState Probe(SafeFileHandle segment) => IsHeld(segment) switch
    {
        true => WriterState.Alive,
        false when OperatingSystem.IsWindows() || LockMark.IsIn(segment) => WriterState.Gone, // Windows locks without being asked
        _ => WriterState.Unknown,
    };

    /// <summary>
    /// Takes the lock, for as long as the handle is open. It must be open for reading and writing. On Windows there is
    /// nothing to do: the share mode was set when the file was opened.
    /// </summary>
    /// <returns>The system's error number; 0 if the lock is held.</returns>
    public static int Hold(SafeFileHandle segment) =>
        OperatingSystem.IsWindows() ? 0
        : OperatingSystem.IsLinux() ? FileLock.TryHold(segment)
        : FileLock.TryHoldWhole(segment);

    /// <summary>Null: unknown.</summary>
    private static bool? IsHeld(SafeFileHandle segment) =>
        OperatingSystem.IsWindows() ? WindowsLock.IsHeld(segment)
        : OperatingSystem.IsLinux() ? FileLock.IsHeld(segment)
        : FileLock.IsWholeHeld(segment);
}
