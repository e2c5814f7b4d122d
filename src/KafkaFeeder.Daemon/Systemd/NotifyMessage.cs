using System.Globalization;

namespace KafkaFeeder.Daemon.Systemd;

/// <summary>The messages of sd_notify(3) that we send. Pure.</summary>
internal static class NotifyMessage
{
    public const string Ready = "READY=1";
    public const string Watchdog = "WATCHDOG=1";

    private const int MaxStatusCharacters = 400;

    /// <param name="timestamp">A timestamp of the monotonic clock, which the manager uses too.</param>
    /// <param name="frequency">Ticks of <paramref name="timestamp"/> per second.</param>
    public static string Reloading(long timestamp, long frequency) =>
        string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={(long)((Int128)timestamp * 1_000_000 / frequency)}");

    public static string Stopping(TimeSpan atMost) => $"STOPPING=1\n{ExtendTimeout(atMost)}";

    /// <summary>Starting or stopping takes this much longer; the manager uses the longer of this and its own limit.</summary>
    public static string ExtendTimeout(TimeSpan atMost) =>
        string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={(long)atMost.TotalMicroseconds}");

    /// <summary>Makes one line of any text: a line feed in an error text would start another message.</summary>
    public static string Status(string text)
    {
        var shown = text.Length > MaxStatusCharacters ? text[..MaxStatusCharacters] + "…" : text;
        return "STATUS=" + string.Create(shown.Length, shown, static (line, from) =>
        {
            for (var i = 0; i < line.Length; i++)
            {
                line[i] = char.IsControl(from[i]) || from[i] is '\u2028' or '\u2029' ? ' ' : from[i];
            }
        });
    }
}
