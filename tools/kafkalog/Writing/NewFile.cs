using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Writing;

/// <summary>A new file that is there completely or not at all: unless it is completed, it is deleted.</summary>
internal sealed class NewFile : IDisposable
{
    private const int BufferBytes = 256 * 1024;

    private readonly FileStream _stream;
    private bool _isComplete;

    /// <exception cref="IOException">It exists, or cannot be made.</exception>
    public NewFile(string path)
    {
        Path = path;
        _stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, BufferBytes);
    }

    public string Path { get; }

    public void Write(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);

    /// <summary>Forces it to the disk, with its name.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    public void Complete()
    {
        _stream.Flush();
        DurableFile.Sync(_stream.SafeFileHandle, Path);
        DurableFile.SyncDirectory(FolderOf(Path));
        _isComplete = true;
    }

    public void Dispose()
    {
        if (_isComplete)
        {
            _stream.Dispose();
            return;
        }

        File.Delete(Path);
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // Disposing writes what is buffered, to a file that is deleted already. The reason was reported before.
        }
    }

    /// <summary>Warns if the daemon would ship the new file as a segment, beside its source.</summary>
    public static void WarnIfShipped(string source, string created)
    {
        if (SegmentName.TryParse(System.IO.Path.GetFileName(created)) is { } name && FolderOf(source) == FolderOf(created))
        {
            ErrorOutput.Say(
                $"warning: {created} has the name of a segment of {name.Component} and lies beside {source}: a daemon that ships this "
                    + "directory would ship it too. Give it another name or directory.");
        }
    }

    private static string FolderOf(string path) => System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
}
