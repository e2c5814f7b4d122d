namespace KafkaFeeder.CommandLine;

/// <summary>Standard output cannot be written: the disk behind it is full, or it is closed.</summary>
internal sealed class OutputException(Exception cause)
    : IOException($"cannot write to standard output: {(cause.InnerException ?? cause).Message}", cause);

/// <summary>Standard output, with an exception type of its own for faults.</summary>
internal sealed class CheckedOutput : Stream
{
    private Stream? _output;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Makes everything that the program writes to the console go through this class.</summary>
    public static void Install() => Console.SetOut(TextWriter.Synchronized(new StreamWriter(new CheckedOutput()) { AutoFlush = true }));

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            (_output ??= Console.OpenStandardOutput()).Write(buffer);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) // UnauthorizedAccessException: it is closed
        {
            throw new OutputException(e);
        }
    }

    public override void Flush()
    {
        // nothing is kept here
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
