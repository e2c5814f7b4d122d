using System.Globalization;

namespace KafkaFeeder.Units;

/// <summary><c>8MiB</c>, <c>500KB</c>, or a bare number of bytes. KB is 1000 bytes, KiB 1024.</summary>
internal static class SizeText
{
    public const string Expected = "a size such as 8MiB or 500KB";

    private static readonly (string Unit, long Bytes)[] Units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30),
        ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1),
    ];

    /// <param name="text">The text in the file.</param>
    /// <param name="bytes">Rounded towards zero.</param>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var rest = text.Trim();
        var isNegative = rest.StartsWith('-');
        rest = isNegative ? rest[1..] : rest;
        var (unit, factor) = Units.FirstOrDefault(u => rest.EndsWith(u.Unit, StringComparison.OrdinalIgnoreCase));
        var digits = unit is null ? rest : rest[..^unit.Length].TrimEnd();
        if (!UnsignedNumber.TryParse(digits, out var number))
        {
            return false;
        }

        var product = Math.Min(number * (unit is null ? 1 : factor), long.MaxValue);
        bytes = (long)(isNegative ? -product : product);
        return true;
    }

    /// <summary>In the largest binary unit that is exact: <c>96MiB</c>.</summary>
    public static string Format(long bytes)
    {
        foreach (var (unit, factor) in Units.Take(3).Reverse())
        {
            if (bytes != 0 && bytes % factor == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{bytes / factor}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes}B");
    }
}
