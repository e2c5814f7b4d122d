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

    private const int MaxChars = 256; // a component has 200 at most

    private static string _lastComponent = "";

    private readonly string? _fileName; // null: as Create writes it. Not kept, since there may be a hundred thousand

    private SegmentName(string fileName, long order, TimeSpan interval, string component)
    {
        Order = order;
        Interval = interval;
        Component = component;
        _fileName = IsNamed(fileName) ? null : fileName;
    }

    /// <summary>The name as it is in the directory. A new string each time.</summary>
    public string FileName => _fileName
        ?? string.Create(CultureInfo.InvariantCulture, $"{Date:D8}_{Time:D6}_{Seconds}_UTC-{Component}{Extension}");

    /// <summary>Date and time as one number, <c>YYYYMMDDHHMMSS</c>: the order of the segments of a component.</summary>
    public long Order { get; }

    /// <summary>Date and time, UTC; null if they are not a time, such as month 13.</summary>
    public DateTimeOffset? Start => DateTimeOffset.TryParseExact(
        Order.ToString("D14", CultureInfo.InvariantCulture),
        "yyyyMMddHHmmss",
        CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal,
        out var start)
        ? start
        : null;

    /// <summary>The longest time that its writer wrote to it before it began another one.</summary>
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

        return TryParse(string.Create(
            CultureInfo.InvariantCulture,
            $"{created.UtcDateTime:yyyyMMdd_HHmmss}_{(long)interval.TotalSeconds}_UTC-{component}{Extension}"))!;
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

    /// <summary>Names that are read one after the other are mostly of one component: they share one string.</summary>
    private static string Shared(ReadOnlySpan<char> component)
    {
        var last = _lastComponent;
        return component.SequenceEqual(last) ? last : _lastComponent = component.ToString();
    }

    /// <summary>By date and time, then by the whole name.</summary>
    public int CompareTo(SegmentName? other) =>
        other is null ? 1
        : Order != other.Order ? Order.CompareTo(other.Order)
        : Equals(other) ? 0
        : string.CompareOrdinal(FileName, other.FileName);

    /// <summary>
    /// The same for a file's name, without parsing it into an object. A name that <see cref="TryParse"/> would refuse comes before all.
    /// </summary>
    public int CompareTo(ReadOnlySpan<char> fileName)
    {
        var order = OrderOf(fileName);
        if (order < 0 || Order != order)
        {
            return order < 0 ? 1 : Order.CompareTo(order);
        }

        Span<char> own = stackalloc char[MaxChars];
        return Named(own).SequenceCompareTo(fileName);
    }

    /// <inheritdoc/>
    public override string ToString() => FileName;

    /// <summary>By <see cref="CompareTo(SegmentName?)"/>.</summary>
    public static bool operator <(SegmentName left, SegmentName right) => left.CompareTo(right) < 0;

    /// <summary>By <see cref="CompareTo(SegmentName?)"/>.</summary>
    public static bool operator >(SegmentName left, SegmentName right) => left.CompareTo(right) > 0;

    /// <summary>By <see cref="CompareTo(SegmentName?)"/>.</summary>
    public static bool operator <=(SegmentName left, SegmentName right) => left.CompareTo(right) <= 0;

    /// <summary>By <see cref="CompareTo(SegmentName?)"/>.</summary>
    public static bool operator >=(SegmentName left, SegmentName right) => left.CompareTo(right) >= 0;

    private long Date => Order / 1_000_000;

    private long Time => Order % 1_000_000;

    private long Seconds => Interval.Ticks / TimeSpan.TicksPerSecond;

    private bool IsNamed(string fileName)
    {
        Span<char> own = stackalloc char[MaxChars];
        return Named(own).SequenceEqual(fileName);
    }

    private ReadOnlySpan<char> Named(Span<char> own)
    {
        if (_fileName is not null)
        {
            return _fileName;
        }

        own.TryWrite(CultureInfo.InvariantCulture, $"{Date:D8}_{Time:D6}_{Seconds}_UTC-{Component}{Extension}", out var length);
        return own[..length];
    }

    /// <summary>Negative if it does not begin with a date and a time.</summary>
    private static long OrderOf(ReadOnlySpan<char> fileName)
    {
        var date = fileName.IndexOf('_');
        var time = date < 0 ? -1 : fileName[(date + 1)..].IndexOf('_');
        return date is > 0 and <= 10 && time is > 0 and <= 6
            && long.TryParse(fileName[..date], NumberStyles.None, CultureInfo.InvariantCulture, out var days)
            && long.TryParse(fileName.Slice(date + 1, time), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? (days * 1_000_000) + seconds
            : -1;
    }

    // The original's (?<Date>\d+)_(?<Time>\d+)_\d+_UTC-component\.szn, bounded so that a number cannot overflow.
    [GeneratedRegex(
        @"\A(?<date>[0-9]{1,10})_(?<time>[0-9]{1,6})_(?<interval>[0-9]{1,10})_UTC-(?<component>[^/]+)\.szn\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex ComponentPattern();
}
