using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// A second handle of a segment, opened before anything was written, to sync it with after the first one is closed: the
/// writer's lock ends with the first. A handle that is opened only then would not report errors that the kernel met before.
/// </summary>
internal sealed class UnsyncedFile : IDisposable
{
    private readonly string _path;
    private readonly SafeFileHandle? _file;

    private UnsyncedFile(string path, SafeFileHandle? file)
    {
        _path = path;
        _file = file;
    }

    /// <summary>Opens the second handle; where that fails, or is of no use, the file is opened when it is synced.</summary>
    public static UnsyncedFile Of(string path)
    {
        try
        {
            return new UnsyncedFile(path, OperatingSystem.IsLinux() ? SegmentHandle.OpenForReading(path) : null);
        }
        catch (IOException)
        {
            return new UnsyncedFile(path, null);
        }
    }

    /// <exception cref="FileNotFoundException">It is not there any more.</exception>
    /// <exception cref="IOException">It could not be forced to the disk.</exception>
    public void Sync()
    {
        if (_file is not null)
        {
            DurableFile.Sync(_file, _path);
            return;
        }

        // Windows syncs only what is open for writing.
        using var again = OperatingSystem.IsWindows()
            ? File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete)
            : SegmentHandle.OpenForReading(_path);
        DurableFile.Sync(again, _path);
    }

    public void Dispose() => _file?.Dispose();
}
