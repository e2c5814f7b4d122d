using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>
/// Puts another file in the place of one that this process has open for reading, until it is disposed of: who holds the
/// descriptor sees the faults of the other.
/// </summary>
internal sealed partial class OtherFile : IDisposable
{
    private readonly int _descriptor;
    private readonly SafeFileHandle _first;

    private OtherFile(int descriptor, SafeFileHandle first)
    {
        _descriptor = descriptor;
        _first = first;
    }

    /// <summary>The same file with the same metadata, but nothing of it can be read.</summary>
    public static OtherFile UnreadableInPlaceOf(string path) => InPlaceOf(path, path, FileAccess.Write);

    public static OtherFile InPlaceOf(string path, string other, FileAccess access = FileAccess.Read)
    {
        var first = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var descriptor = Directory.GetFiles("/proc/self/fd")
            .Where(fd => new FileInfo(fd).LinkTarget == path && IsForReading(fd))
            .Select(fd => int.Parse(Path.GetFileName(fd), CultureInfo.InvariantCulture))
            .Single(fd => fd != first.DangerousGetHandle());
        using var bad = File.OpenHandle(other, FileMode.Open, access, FileShare.ReadWrite);
        Assert.Equal(descriptor, Duplicate((int)bad.DangerousGetHandle(), descriptor));
        return new OtherFile(descriptor, first);
    }

    public void Dispose()
    {
        _ = Duplicate((int)_first.DangerousGetHandle(), _descriptor);
        _first.Dispose();
    }

    /// <summary>The writer has the file open too.</summary>
    private static bool IsForReading(string descriptor) =>
        File.ReadAllLines("/proc/self/fdinfo/" + Path.GetFileName(descriptor))
            .Any(line => line.StartsWith("flags:", StringComparison.Ordinal) && line.EndsWith('0'));

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Duplicate(int descriptor, int into);
}
