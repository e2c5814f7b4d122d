using System.ComponentModel;
using System.Runtime.InteropServices;
using KafkaLog.Format.Native;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Makes files and directory entries survive a crash of the machine. The framework's <c>Flush(true)</c> and
/// <c>FlushToDisk</c> are not used: on Linux they return normally when fsync failed. After a failure here, never sync the
/// same file again: the kernel then reports success although the data are gone. Abandon the file.
/// </summary>
internal static class DurableFile
{
    /// <summary>Forces a file's data and size to the disk.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path, for the error.</param>
    /// <exception cref="DurabilityException">It failed; what was written since the last success may be lost.</exception>
    public static void Sync(SafeFileHandle file, string path)
    {
        if (OperatingSystem.IsWindows())
        {
            SyncOnWindows(file, path);
        }
        else if (!(OperatingSystem.IsMacOS() && SystemCalls.FileControl(file, SystemCalls.FullSync) == 0) && SystemCalls.Fsync(file) != 0)
        {
            // On macOS fsync leaves the data in the drive's memory, so it is only for file systems that know nothing better.
            throw new DurabilityException(path, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>On Windows the framework reports errors. It refuses a file that is open for reading only.</summary>
    private static void SyncOnWindows(SafeFileHandle file, string path)
    {
        try
        {
            RandomAccess.FlushToDisk(file);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or (IOException and not DurabilityException))
        {
            throw new DurabilityException($"cannot force {path} to the disk: {e.Message}", e);
        }
    }

    /// <summary>Forces a directory's entries to the disk: files created, renamed and deleted in it.</summary>
    /// <exception cref="DurabilityException">The directory cannot be opened or synced.</exception>
    public static void SyncDirectory(string directory)
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // no such call on Windows; macOS writes entries with the file
        }

        var descriptor = SystemCalls.Open(directory, SystemCalls.ReadOnly | SystemCalls.Directory | SystemCalls.CloseOnExec, 0);
        if (descriptor < 0)
        {
            throw new DurabilityException(directory, Marshal.GetLastPInvokeError());
        }

        var failed = SystemCalls.Fsync(descriptor) != 0;
        var error = Marshal.GetLastPInvokeError();
        _ = SystemCalls.Close(descriptor);
        if (failed)
        {
            throw new DurabilityException(directory, error);
        }
    }
}

/// <summary>An fsync failed. Nothing that was written to that file since its last success may be called durable.</summary>
public sealed class DurabilityException : IOException
{
    /// <summary>An error with the system's reason.</summary>
    public DurabilityException(string path, int errno)
        : base($"cannot force {path} to the disk: {new Win32Exception(errno).Message} (errno {errno})")
    {
        Errno = errno;
    }

    internal DurabilityException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    /// <summary>The file was removed while it was written: nobody can find what is forced to the disk.</summary>
    internal static DurabilityException OfRemoved(string path) => new($"{path} was removed while it was written to", null);

    /// <summary>The system's error number; 0 if it gave none.</summary>
    public int Errno { get; }
}
