using System.Buffers;
using System.Globalization;
using System.Text;

namespace KafkaLog.Tool.CommandLine;

/// <summary>
/// Text from files that anybody may have written, for a terminal: control characters are shown, as <c>\x1b</c>, not obeyed. A
/// newline and a tab stay; so does a backslash, so the original cannot be reconstructed from the output.
/// </summary>
internal static class TerminalText
{
    /// <summary>Printable ASCII, newline and tab: what most text is.</summary>
    private static readonly SearchValues<byte> Harmless =
        SearchValues.Create([9, 10, .. Enumerable.Range(0x20, 0x7F - 0x20).Select(i => (byte)i)]);

    /// <summary>Writes bytes, with control characters, changes of writing direction and invalid UTF-8 escaped.</summary>
    public static void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        while (!bytes.IsEmpty)
        {
            var harmless = bytes.IndexOfAnyExcept(Harmless);
            output.Write(harmless < 0 ? bytes : bytes[..harmless]);
            if (harmless < 0)
            {
                return;
            }

            bytes = bytes[harmless..];
            var isRune = Rune.DecodeFromUtf8(bytes, out var rune, out var used) == OperationStatus.Done;
            if (isRune && !IsCommand(rune))
            {
                output.Write(bytes[..used]);
            }
            else
            {
                WriteEscaped(isRune ? rune : null, bytes[..used], output);
            }

            bytes = bytes[used..];
        }
    }

    /// <summary>The same for a text.</summary>
    public static string Of(string text)
    {
        var output = new ArrayBufferWriter<byte>();
        Write(Encoding.UTF8.GetBytes(text), output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static bool IsCommand(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        || rune.Value is (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069) or 0x200E or 0x200F or 0x061C;

    private static void WriteEscaped(Rune? rune, ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        if (rune is { Value: > 0xFF } character)
        {
            Write(output, $"\\u{character.Value:x4}");
            return;
        }

        foreach (var value in rune is { } small ? [(byte)small.Value] : bytes)
        {
            Write(output, $"\\x{value:x2}");
        }
    }

    private static void Write(IBufferWriter<byte> output, FormattableString text) =>
        Encoding.ASCII.GetBytes(text.ToString(CultureInfo.InvariantCulture), output);
}
