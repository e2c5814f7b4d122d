using System.Buffers;
using System.Globalization;

namespace KafkaFeeder.Units;

/// <summary>
/// <c>500ms</c>, <c>1s</c>, <c>90m</c>, <c>24h</c>, <c>7d</c>, <c>1h30m</c> (the original accepted Go's durations), or
/// a bare number in the unit that the setting has by tradition.
/// </summary>
internal static class DurationText
{
    public const string Expected = "a duration such as 500ms, 30s, 15m, 24h or 7d";

    /// <summary>Bounds the sum of the parts, so that it fits a decimal.</summary>
    private const int MaxLength = 64;

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    // Longest first, so that "ms" is not taken for minutes.
    private static readonly (string Unit, decimal Ticks)[] Units =
    [
        ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour),
        ("d", TimeSpan.TicksPerDay),
    ];

    /// <param name="text">The text in the file.</param>
    /// <param name="bareUnit">What 1 means without a unit.</param>
    /// <param name="duration">Rounded towards zero to 100 ns; beyond the range of TimeSpan it is the largest or smallest value.</param>
    public static bool TryParse(string text, TimeSpan bareUnit, out TimeSpan duration)
    {
        duration = default;
        var rest = text.Trim();
        var isNegative = rest.StartsWith('-');
        rest = isNegative ? rest[1..] : rest;
        if (rest.Length > MaxLength)
        {
            return false;
        }

        if (UnsignedNumber.TryParse(rest, out var bare))
        {
            duration = ToTimeSpan(bare, bareUnit.Ticks, isNegative);
            return true;
        }

        decimal ticks = 0;
        do
        {
            var numberLength = rest.AsSpan().IndexOfAnyExcept(NumberCharacters);
            if (numberLength <= 0 || !UnsignedNumber.TryParse(rest.AsSpan(0, numberLength), out var number))
            {
                return false;
            }

            rest = rest[numberLength..];
            var (unit, ticksPerUnit) = Units.FirstOrDefault(u => rest.StartsWith(u.Unit, StringComparison.Ordinal));
            if (unit is null)
            {
                return false;
            }

            rest = rest[unit.Length..];
            ticks += number * ticksPerUnit;
        }
        while (rest.Length > 0);
        duration = ToTimeSpan(ticks, 1, isNegative);
        return true;
    }

    /// <summary>The shortest exact spelling in one unit: <c>90m</c>, <c>1500ms</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        foreach (var (unit, ticks) in Units.Reverse())
        {
            if (duration.Ticks != 0 && duration.Ticks % ticks == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / ticks}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds}ms");
    }

    private static TimeSpan ToTimeSpan(decimal number, decimal ticksPerUnit, bool isNegative)
    {
        var ticks = Math.Min(number * ticksPerUnit, long.MaxValue);
        return TimeSpan.FromTicks((long)(isNegative ? -ticks : ticks));
    }
}
