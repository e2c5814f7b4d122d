namespace KafkaLog.Tool.Piping;

/// <summary>A piece of what was read that becomes a record.</summary>
/// <param name="Length">Its bytes, without the newline.</param>
/// <param name="Consumed">Its bytes, with the newline.</param>
/// <param name="IsContinued">True if the line goes on in the next piece.</param>
internal readonly record struct LinePiece(int Length, int Consumed, bool IsContinued);

/// <summary>
/// Cuts what was read into lines, and lines that are too long into pieces. The pieces do not depend on how the bytes
/// arrive. No I/O.
/// </summary>
/// <param name="maxBytes">The most in a piece.</param>
internal sealed class LineSplitter(int maxBytes)
{
    private int _searched; // bytes at the start of the rest that are known to hold no newline

    /// <summary>Cuts the first piece; false if it is not whole yet.</summary>
    /// <param name="rest">All that was read and not yet cut; what was there at the last call stands at its start.</param>
    /// <param name="isEnd">True if nothing more comes: a last line needs no newline.</param>
    /// <param name="piece">The piece.</param>
    public bool TryCut(ReadOnlySpan<byte> rest, bool isEnd, out LinePiece piece)
    {
        var window = (int)Math.Min(rest.Length, maxBytes + 1L); // a line of exactly maxBytes is complete
        var newline = rest[_searched..window].IndexOf((byte)'\n');
        if (newline >= 0)
        {
            piece = new LinePiece(_searched + newline, _searched + newline + 1, false);
        }
        else if (rest.Length > maxBytes)
        {
            piece = new LinePiece(maxBytes, maxBytes, true);
        }
        else if (isEnd && !rest.IsEmpty)
        {
            piece = new LinePiece(rest.Length, rest.Length, false);
        }
        else
        {
            _searched = window;
            piece = default;
            return false;
        }

        _searched = 0;
        return true;
    }
}
