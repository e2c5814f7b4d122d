using System.Globalization;

namespace KafkaFeeder.Daemon.Systemd;

/// <summary>What a service manager asks of us, in the environment of the process: see sd_notify(3), sd_watchdog_enabled(3).</summary>
/// <param name="Address">Where notifications go; null: nobody wants any.</param>
/// <param name="Watchdog">Silence for longer means that we hang; null: nobody counts.</param>
internal readonly record struct NotifyEnvironment(string? Address, TimeSpan? Watchdog)
{
    /// <param name="environment">The value of a variable, or null.</param>
    /// <param name="processId">Ours: the watchdog may be meant for another process, which handed us its environment.</param>
    public static NotifyEnvironment Read(Func<string, string?> environment, int processId)
    {
        var address = environment("NOTIFY_SOCKET");
        if (address is not ['/' or '@', _, ..])
        {
            return default; // absent, or of a kind that is no unix socket
        }

        var isOurs = environment("WATCHDOG_PID") is not { Length: > 0 } pid || pid == processId.ToString(CultureInfo.InvariantCulture);
        var isAsked = long.TryParse(environment("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
            && microseconds is > 0 and < long.MaxValue / 10;
        return new(address, isOurs && isAsked ? TimeSpan.FromMicroseconds(microseconds) : null);
    }
}
