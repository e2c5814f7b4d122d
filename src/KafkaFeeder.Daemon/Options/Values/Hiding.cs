using System.Text;

namespace KafkaFeeder.Daemon.Options.Values;

/// <summary>
/// Removes a secret from messages of other programs. librdkafka quotes a value whole, or one item of a list of them, without the blanks
/// around it, and cuts long sentences. Pure.
/// </summary>
internal static class Hiding
{
    public const string Hidden = "(hidden)";

    /// <summary>So many characters of a secret do not match by chance.</summary>
    private const int EnoughOfIt = 12;

    /// <summary>A shorter secret is hidden only in quotation marks: it may be part of other words.</summary>
    private const int Short = 4;

    public static string In(string text, string secret) =>
        secret.Split(',').Prepend(secret).Select(part => part.Trim()).Where(part => part.Length > 0).Distinct(StringComparer.Ordinal)
            .Aggregate(text, HidePart);

    private static string HidePart(string text, string part)
    {
        if (part.Length < Short)
        {
            return text.Replace($"\"{part}\"", $"\"{Hidden}\"", StringComparison.Ordinal);
        }

        StringBuilder? hidden = null;
        var from = 0;
        var end = text.AsSpan().TrimEnd('\uFFFD').Length; // cut inside a character
        for (var i = 0; i < text.Length; i++)
        {
            var alike = text.AsSpan(i).CommonPrefixLength(part);
            if (alike == part.Length || alike >= EnoughOfIt || (alike >= Short && i + alike == end))
            {
                (hidden ??= new StringBuilder()).Append(text, from, i - from).Append(Hidden);
                from = i + alike;
                i = from - 1;
            }
        }

        return hidden is null ? text : hidden.Append(text, from, text.Length - from).ToString();
    }
}
