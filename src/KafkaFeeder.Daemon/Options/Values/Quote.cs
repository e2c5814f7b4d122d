using System.Globalization;
using System.Text;

namespace KafkaFeeder.Daemon.Options.Values;

/// <summary>
/// Makes a user's text safe for a message: short, and without characters that forge log lines or control a terminal.
/// </summary>
internal static class Quote
{
    private const int MaxShown = 60;

    /// <summary>In quotation marks: <c>"8MiBx"</c>.</summary>
    public static string Value(string text) => $"\"{Plain(text)}\"";

    /// <summary>Without quotation marks: for keys, and for messages of other libraries about the text.</summary>
    public static string Plain(string text, int maxShown = MaxShown)
    {
        var shown = new StringBuilder();
        foreach (var c in text)
        {
            if (shown.Length >= maxShown)
            {
                return shown.Append('…').ToString();
            }

            if (IsUnprintable(c))
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                shown.Append(c);
            }
        }

        return shown.ToString();
    }

    /// <summary>Control and format characters (bidirectional overrides among them), line separators, surrogates.</summary>
    private static bool IsUnprintable(char c) => char.GetUnicodeCategory(c) is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or
        UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned;
}
