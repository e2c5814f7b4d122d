using System.Globalization;

namespace KafkaFeeder.Units;

/// <summary>Digits with an optional fraction, nothing else: no sign, no exponent, no separators.</summary>
internal static class UnsignedNumber
{
    /// <summary>12 digits before the point are more than any setting allows, and products of such numbers fit a decimal.</summary>
    private const int MaxDigits = 12;

    public static bool TryParse(ReadOnlySpan<char> text, out decimal number)
    {
        number = 0;
        return text.Length is > 0 and <= MaxDigits
            && decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
    }
}
