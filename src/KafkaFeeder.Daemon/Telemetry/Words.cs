using System.Globalization;

namespace KafkaFeeder.Daemon.Telemetry;

/// <summary>Formats quantities for people: with two or three digits and a unit. Pure.</summary>
internal static class Words
{
    private static readonly string[] ByteUnits = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

    /// <summary><c>0 B</c>, <c>812 B</c>, <c>1.2 MB</c>, <c>340 GB</c>: units of 1000.</summary>
    public static string Bytes(double bytes)
    {
        var unit = 0;
        while (bytes >= 999.5 && unit < ByteUnits.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }

        var number = unit == 0 || bytes >= 9.95
            ? Math.Round(bytes).ToString("0", CultureInfo.InvariantCulture)
            : bytes.ToString("0.0", CultureInfo.InvariantCulture);
        return $"{number} {ByteUnits[unit]}";
    }

    /// <summary><c>4 s</c>, <c>3 min</c>, <c>5 h</c>, <c>12 d</c>: rounded down, never below 0.</summary>
    public static string Age(TimeSpan age) => age switch
    {
        { TotalSeconds: < 0 } => "0 s",
        { TotalMinutes: < 2 } => Of(age.TotalSeconds, "s"),
        { TotalHours: < 2 } => Of(age.TotalMinutes, "min"),
        { TotalDays: < 2 } => Of(age.TotalHours, "h"),
        _ => Of(age.TotalDays, "d"),
    };

    /// <summary><c>1 record</c>, <c>1,200 records</c>.</summary>
    public static string Count(long count, string one, string many) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {(count == 1 ? one : many)}");

    private static string Of(double amount, string unit) => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(amount)} {unit}");
}
