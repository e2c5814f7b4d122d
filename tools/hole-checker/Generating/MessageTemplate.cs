using System.Buffers.Text;
using System.Text;

namespace HoleChecker.Generating;

/// <summary>
/// The messages of one producer, as an application's compact JSON: the number is in the text of "@m", and "pad"
/// fills the message up to the wanted size. One buffer is used for all messages. Not thread-safe.
/// </summary>
internal sealed class MessageTemplate
{
    private const int TimeBytes = 28; // of the round-trip format in UTC
    private const int MaxDigits = 19;

    private readonly byte[] _buffer;
    private readonly int _valueBytes;
    private readonly int _timeAt;
    private readonly int _sequenceAt;

    /// <param name="run">Letters, digits, '.', '_' and '-'.</param>
    /// <param name="producer">Its number, from 1.</param>
    /// <param name="valueBytes">The wanted size of a message; it is larger where the content is.</param>
    public MessageTemplate(string run, int producer, int valueBytes)
    {
        _valueBytes = valueBytes;
        var before = "{\"@t\":\""u8;
        var between = Encoding.UTF8.GetBytes($"\",\"@m\":\"run={run} producer={producer} seq=");
        _timeAt = before.Length;
        _sequenceAt = _timeAt + TimeBytes + between.Length;
        _buffer = new byte[Math.Max(valueBytes, _sequenceAt + MaxDigits) + 16];
        before.CopyTo(_buffer);
        between.CopyTo(_buffer, _timeAt + TimeBytes);
    }

    /// <summary>The message; valid until the next call.</summary>
    public ReadOnlySpan<byte> Write(DateTimeOffset now, long sequence)
    {
        Utf8Formatter.TryFormat(now.UtcDateTime, _buffer.AsSpan(_timeAt), out _, 'O');
        Utf8Formatter.TryFormat(sequence, _buffer.AsSpan(_sequenceAt), out var digits);
        var end = _sequenceAt + digits;
        var padding = _valueBytes - end - "\",\"pad\":\"\"}"u8.Length;
        if (padding < 0)
        {
            end = Append("\"}"u8, end);
        }
        else
        {
            end = Append("\",\"pad\":\""u8, end);
            _buffer.AsSpan(end, padding).Fill((byte)'x');
            end = Append("\"}"u8, end + padding);
        }

        return _buffer.AsSpan(0, end);
    }

    private int Append(ReadOnlySpan<byte> text, int at)
    {
        text.CopyTo(_buffer.AsSpan(at));
        return at + text.Length;
    }
}
