using System.Globalization;

namespace KafkaLog.Sink.Formatting;

/// <summary>The text of values of unknown types. Their code may throw: then the text says so, and the event is kept.</summary>
internal static class SafeText
{
    /// <summary>In the invariant culture; never null.</summary>
    public static string Of(object value)
    {
        try
        {
            return value switch
            {
                string text => text,
                DateTime or DateTimeOffset or TimeOnly => ((IFormattable)value).ToString("O", CultureInfo.InvariantCulture),
                DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
                _ => value.ToString(),
            } ?? "";
        }
#pragma warning disable CA1031 // User code runs here, and the event matters more than its exception.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Apology(value.GetType().Name, e);
        }
    }

    /// <summary>The text in place of one that could not be rendered.</summary>
    public static string Apology(string whose, Exception e) => $"({whose} could not be rendered: {e.GetType().Name})";
}
