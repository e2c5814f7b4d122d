using System.Globalization;

namespace KafkaLog.Sink.Formatting;

/// <summary>Text of values that we do not know. Their code may throw: then the text says so, and the event is kept.</summary>
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
#pragma warning disable CA1031 // It is the user's code that runs here, and the event matters more than what that threw.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Apology(value.GetType().Name, e);
        }
    }

    /// <summary>What stands in the place of a text that could not be had.</summary>
    public static string Apology(string whose, Exception e) => $"({whose} could not be rendered: {e.GetType().Name})";
}
