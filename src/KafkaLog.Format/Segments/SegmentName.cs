using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace KafkaLog.Format.Segments;

/// <summary>
/// The name of a segment: <c>YYYYMMDD_HHMMSS_intervalSeconds_UTC-component.szn</c>, as go-kafkalog writes it. Names of
/// one component are ordered by date and time, that is by the time of creation (UTC).
/// </summary>
public sealed partial record SegmentName : IComparable<SegmentName>
{
    /// <summary>What every segment's name ends with.</summary>
    public const string Extension = ".szn";

    private static string _lastComponent = "";

    private SegmentName(string fileName, long order, TimeSpan interval, string component)
    {
        FileName = fileName;
        Order = order;
        Interval = interval;
        Component = component;
    }

    /// <summary>The name as it stands in the directory.</summary>
    public string FileName { get; }

    /// <summary>Date and time as one number, <c>YYYYMMDDHHMMSS</c>: what segments of a component are ordered by.</summary>
    public long Order { get; }

    /// <summary>Date and time, UTC; null if they are none, such as a month 13.</summary>
    public DateTimeOffset? Start => DateTimeOffset.TryParseExact(
        Order.ToString("D14", CultureInfo.InvariantCulture),
        "yyyyMMddHHmmss",
        CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal,
        out var start)
        ? start
        : null;

    /// <summary>How long its writer wrote to it at most before it began another one.</summary>
    public TimeSpan Interval { get; }

    /// <summary>The log that the segment belongs to.</summary>
    public string Component { get; }

    /// <summary>
    /// True if <paramref name="component"/> can stand in a name: 1 to 200 of <c>a-z A-Z 0-9 . _ -</c>, not <c>.</c> or <c>..</c>.
    /// </summary>
    public static bool IsValidComponent([NotNullWhen(true)] string? component) =>
        component is { Length: > 0 and <= 200 } and not "." and not ".." && ComponentPattern().IsMatch(component);

    /// <summary>The name of a segment that is created at <paramref name="created"/>.</summary>
    public static SegmentName Create(DateTimeOffset created, TimeSpan interval, string component)
    {
        if (!IsValidComponent(component))
        {
            throw new ArgumentException(
                $"'{component}' cannot be a component: expected 1 to 200 of a-z, A-Z, 0-9, '.', '_', '-'", nameof(component));
        }

        var name = string.Create(
            CultureInfo.InvariantCulture,
            $"{created.UtcDateTime:yyyyMMdd_HHmmss}_{(long)interval.TotalSeconds}_UTC-{component}{Extension}");
        return TryParse(name)!;
    }

    /// <summary>Reads a file's name; null if it is not a segment's.</summary>
    public static SegmentName? TryParse(string fileName)
    {
        var match = Pattern().Match(fileName);
        return match.Success && IsValidComponent(match.Groups["component"].Value)
            ? new SegmentName(
                fileName,
                long.Parse(match.Groups["date"].ValueSpan, CultureInfo.InvariantCulture) * 1_000_000
                    + long.Parse(match.Groups["time"].ValueSpan, CultureInfo.InvariantCulture),
                TimeSpan.FromSeconds(long.Parse(match.Groups["interval"].ValueSpan, CultureInfo.InvariantCulture)),
                Shared(match.Groups["component"].ValueSpan))
            : null;
    }

    /// <summary>Names that are read one after the other mostly are of one component: one string serves them all.</summary>
    private static string Shared(ReadOnlySpan<char> component)
    {
        var last = _lastComponent;
        return component.SequenceEqual(last) ? last : _lastComponent = component.ToString();
    }

    /// <summary>By date and time, then by the whole name.</summary>
    public int CompareTo(SegmentName? other) =>
        other is null ? 1
        : Order != other.Order ? Order.CompareTo(other.Order)
        : string.CompareOrdinal(FileName, other.FileName);

    /// <inheritdoc/>
    public override string ToString() => FileName;

    /// <summary>By <see cref="CompareTo"/>.</summary>
    public static bool operator <(SegmentName left, SegmentName right) => left.CompareTo(right) < 0;

    /// <summary>By <see cref="CompareTo"/>.</summary>
    public static bool operator >(SegmentName left, SegmentName right) => left.CompareTo(right) > 0;

    /// <summary>By <see cref="CompareTo"/>.</summary>
    public static bool operator <=(SegmentName left, SegmentName right) => left.CompareTo(right) <= 0;

    /// <summary>By <see cref="CompareTo"/>.</summary>
    public static bool operator >=(SegmentName left, SegmentName right) => left.CompareTo(right) >= 0;

    // The original's (?<Date>\d+)_(?<Time>\d+)_\d+_UTC-component\.szn, bounded so that a number cannot overflow.
    [GeneratedRegex(
        @"\A(?<date>[0-9]{1,10})_(?<time>[0-9]{1,6})_(?<interval>[0-9]{1,10})_UTC-(?<component>[^/]+)\.szn\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex ComponentPattern();
}
