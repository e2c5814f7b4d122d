using System.Globalization;
using System.Text.RegularExpressions;

namespace KafkaLog.Tool.Cat;

/// <summary>One end of a range: an offset, or a time in ms since 1970 UTC.</summary>
internal readonly partial record struct RangeBound(long Number, bool IsTime)
{
    public const string Expected = "an offset such as 1234, or a time such as 2026-11-21T10:00:00Z or @1795255200000 (ms)";

    /// <summary>Reads what a user wrote; null if it is neither.</summary>
    public static RangeBound? Parse(string text)
    {
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
        {
            return new RangeBound(offset, false);
        }

        if (text.StartsWith('@') && long.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var ms))
        {
            return new RangeBound(ms, true);
        }

        // The framework would also accept much that is not ISO 8601, such as 1/2/2026.
        return IsoTime().IsMatch(text)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? new RangeBound(time.ToUnixTimeMilliseconds(), true)
            : null;
    }

    [GeneratedRegex(
        @"\A[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,7})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex IsoTime();
}
