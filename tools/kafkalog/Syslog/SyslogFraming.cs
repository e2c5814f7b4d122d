namespace KafkaLog.Tool.Syslog;

/// <summary>A piece of a stream that becomes a record; one of length 0 is framing only.</summary>
/// <param name="Start">Where it begins, after its framing.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Consumed">Its bytes with the framing.</param>
/// <param name="IsStart">True if a message begins with it.</param>
/// <param name="IsContinued">True if the message goes on in the next piece.</param>
internal readonly record struct FramePiece(int Start, int Length, int Consumed, bool IsStart, bool IsContinued);

/// <summary>
/// Cuts a stream into syslog messages (RFC 6587), each framed by its length (<c>LENGTH SP MESSAGE</c>) or ended by a
/// newline, CR LF or NUL, and messages that are too long into pieces. The pieces do not depend on how the bytes arrive; a
/// wrong length takes no memory. No I/O.
/// </summary>
/// <param name="maxBytes">The most in a piece.</param>
internal sealed class SyslogFraming(int maxBytes)
{
    private const int MaxDigits = 9; // with more digits it is text, not a length

    private int _left; // octets of a counted message that are not cut yet
    private bool _isInLine;
    private bool _wasCounted;
    private int _searched; // bytes at the start of the rest that are known not to end a line

    private enum Frame
    {
        Unknown,
        Counted,
        Line,
    }

    /// <summary>Cuts the first piece; false if it is not whole yet.</summary>
    /// <param name="rest">All that came and was not cut; what was there at the last call stands at its start.</param>
    /// <param name="isEnd">True if nothing more comes: what is left is a message.</param>
    /// <param name="piece">The piece.</param>
    public bool TryCut(ReadOnlySpan<byte> rest, bool isEnd, out FramePiece piece)
    {
        piece = default;
        if (rest.IsEmpty)
        {
            return false;
        }

        if (_left > 0)
        {
            return TryCutCounted(rest, 0, _left, isEnd, out piece);
        }

        if (_isInLine)
        {
            return TryCutLine(rest, isEnd, out piece);
        }

        var ends = rest.IndexOfAnyExcept((byte)'\n', (byte)0);
        if (ends != 0)
        {
            piece = new FramePiece(0, 0, ends < 0 ? rest.Length : ends, true, false); // between messages
            return true;
        }

        return Detect(rest, out var prefix, out var length) switch
        {
            Frame.Counted => TryCutCounted(rest, prefix, length, isEnd, out piece),
            Frame.Unknown when !isEnd => false,
            _ => TryCutLine(rest, isEnd, out piece),
        };
    }

    /// <summary>
    /// A message begins with '&lt;', so only what looks like <c>LENGTH SP &lt;</c> is counted, or what looks like
    /// <c>LENGTH SP</c> after a counted message; a line may begin with a number, too.
    /// </summary>
    private Frame Detect(ReadOnlySpan<byte> rest, out int prefix, out int length)
    {
        prefix = 0;
        length = 0;
        while (prefix < rest.Length && prefix <= MaxDigits && char.IsAsciiDigit((char)rest[prefix]))
        {
            length = prefix < MaxDigits ? (length * 10) + (rest[prefix] - '0') : 0;
            prefix++;
        }

        if (prefix is 0 or > MaxDigits || rest[0] == '0')
        {
            return Frame.Line;
        }

        if (prefix == rest.Length)
        {
            return Frame.Unknown;
        }

        if (rest[prefix++] != ' ')
        {
            return Frame.Line;
        }

        if (prefix == rest.Length)
        {
            return Frame.Unknown;
        }

        return _wasCounted || rest[prefix] == '<' ? Frame.Counted : Frame.Line;
    }

    private bool TryCutCounted(ReadOnlySpan<byte> rest, int prefix, int left, bool isEnd, out FramePiece piece)
    {
        var there = rest.Length - prefix;
        var wanted = Math.Min(left, maxBytes);
        if (there < wanted && !isEnd)
        {
            piece = default;
            return false;
        }

        var length = Math.Min(there, wanted);
        var isCutShort = length < wanted;
        piece = new FramePiece(prefix, length, prefix + length, _left == 0, !isCutShort && left > length);
        _left = isCutShort ? 0 : left - length;
        _wasCounted = true;
        return true;
    }

    private bool TryCutLine(ReadOnlySpan<byte> rest, bool isEnd, out FramePiece piece)
    {
        var window = (int)Math.Min(rest.Length, maxBytes + 2L); // a line of exactly maxBytes and CR LF is complete
        var end = rest[_searched..window].IndexOfAny((byte)'\n', (byte)0);
        if (end < 0 && window < maxBytes + 2L && !isEnd)
        {
            _searched = window;
            piece = default;
            return false;
        }

        end = end < 0 ? end : end + _searched;
        var length = end < 0 ? window : LengthWithoutCr(rest, end);
        var isContinued = length > maxBytes;
        piece = isContinued
            ? new FramePiece(0, maxBytes, maxBytes, !_isInLine, true)
            : new FramePiece(0, length, end < 0 ? length : end + 1, !_isInLine, false);
        _searched = 0;
        _isInLine = isContinued;
        _wasCounted = false;
        return true;
    }

    private static int LengthWithoutCr(ReadOnlySpan<byte> rest, int end) =>
        end > 0 && rest[end] == '\n' && rest[end - 1] == '\r' ? end - 1 : end;
}
