using KafkaFeeder.Tests;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>
/// Passes everything on, and writes it down: a line <c>> HEX</c> for each write, <c>&lt; HEX</c> for each read. For recorded exchanges
/// with a real broker, which KafkaLog.Wire.Tests compares with.
/// </summary>
internal sealed class RecordingStream(Stream stream, string path) : PassingStream(stream)
{
    private readonly Lock _lock = new();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await base.ReadAsync(buffer, cancellationToken);
        Add('<', buffer.Span[..read]);
        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Add('>', buffer.Span);
        await base.WriteAsync(buffer, cancellationToken);
    }

    private void Add(char direction, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        lock (_lock)
        {
            File.AppendAllText(path, $"{direction} {Convert.ToHexString(bytes)}\n");
        }
    }
}
