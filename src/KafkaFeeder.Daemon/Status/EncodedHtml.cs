using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace KafkaFeeder.Daemon.Status;

/// <summary>
/// Builds HTML from interpolated strings. The literal parts are markup; all inserted values are encoded, so no markup can be inserted.
/// Invisible characters, and those that change the writing direction, are shown as their code points.
/// </summary>
internal sealed class EncodedHtml
{
    private const int MaxValueCharacters = 1_000;

    private readonly StringBuilder _text = new();

    public void Add(Markup markup) => markup.AppendTo(_text);

    public override string ToString() => _text.ToString();

    [InterpolatedStringHandler]
    internal readonly ref struct Markup(int literalLength, int formattedCount)
    {
        private readonly StringBuilder _text = new(literalLength + (formattedCount * 16));

        public void AppendLiteral(string markup) => _text.Append(markup);

        public void AppendFormatted(string? value)
        {
            var shown = new StringBuilder();
            foreach (var rune in (value ?? "").EnumerateRunes().Take(MaxValueCharacters))
            {
                shown.Append(IsVisible(rune) ? rune.ToString() : $"\\u{{{rune.Value:X}}}");
            }

            _text.Append(WebUtility.HtmlEncode(shown.ToString())).Append(value?.Length > MaxValueCharacters ? "…" : "");
        }

        public void AppendFormatted(long value) => AppendFormatted(value.ToString("N0", CultureInfo.InvariantCulture));

        internal void AppendTo(StringBuilder page) => page.Append(_text);

        private static bool IsVisible(Rune rune) => Rune.GetUnicodeCategory(rune) is not
            (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
    }
}
