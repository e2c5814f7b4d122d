using System.Buffers.Text;

namespace HoleChecker.Counting;

/// <summary>
/// Finds <c>run=ID producer=N seq=N</c> anywhere in a message: ID is of letters, digits, '.', '_' and '-', the numbers are
/// decimal, one space between them, and no letter or digit directly before or after it.
/// </summary>
public readonly ref struct NumberedMessage(ReadOnlySpan<byte> source, long sequence)
{
    private const int MaxSourceBytes = 200;

    /// <summary>The text between run and producer in <see cref="Source"/>.</summary>
    public static ReadOnlySpan<byte> Separator => " producer="u8;

    /// <summary>The bytes of <c>ID producer=N</c>: it identifies one producer of one run.</summary>
    public ReadOnlySpan<byte> Source { get; } = source;

    /// <summary>The message's number, at least 1.</summary>
    public long Sequence { get; } = sequence;

    /// <summary>Finds the first such text. Allocates nothing.</summary>
    public static bool TryFind(ReadOnlySpan<byte> value, out NumberedMessage message)
    {
        var rest = value;
        var before = (byte)' ';
        while (rest.IndexOf("run="u8) is >= 0 and var at)
        {
            before = at > 0 ? rest[at - 1] : before;
            rest = rest[(at + 4)..];
            if (!IsWord(before) && TryReadHere(rest, out message))
            {
                return true;
            }

            before = (byte)'=';
        }

        message = default;
        return false;
    }

    private static bool TryReadHere(ReadOnlySpan<byte> text, out NumberedMessage message)
    {
        message = default;
        var id = LengthOfId(text);
        var rest = text[id..];
        if (id == 0 || !rest.StartsWith(Separator))
        {
            return false;
        }

        rest = rest[Separator.Length..];
        var digits = LengthOfDigits(rest);
        var source = id + Separator.Length + digits;
        rest = rest[digits..];
        if (digits == 0 || source > MaxSourceBytes || !rest.StartsWith(" seq="u8))
        {
            return false;
        }

        rest = rest[5..];
        if (!Utf8Parser.TryParse(rest[..LengthOfDigits(rest)], out long sequence, out var used) || sequence < 1
            || (used < rest.Length && IsWord(rest[used])))
        {
            return false;
        }

        message = new NumberedMessage(text[..source], sequence);
        return true;
    }

    private static int LengthOfId(ReadOnlySpan<byte> text)
    {
        var length = 0;
        while (length < text.Length && (IsWord(text[length]) || text[length] is (byte)'.' or (byte)'-'))
        {
            length++;
        }

        return length;
    }

    private static int LengthOfDigits(ReadOnlySpan<byte> text)
    {
        var length = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return length < 0 ? text.Length : length;
    }

    private static bool IsWord(byte b) => b == '_' || char.IsAsciiLetterOrDigit((char)b);
}
