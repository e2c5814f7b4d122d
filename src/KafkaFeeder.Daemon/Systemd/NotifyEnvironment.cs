using System.Globalization;

namespace KafkaFeeder.Daemon.Systemd;

/// <summary>What a service manager expects, from the environment of the process: see sd_notify(3), sd_watchdog_enabled(3).</summary>
/// <param name="Address">The address of the socket for notifications; null: none are expected.</param>
/// <param name="Watchdog">Without a notification for longer than this, the daemon counts as stalled; null: there is no watchdog.</param>
internal readonly record struct NotifyEnvironment(string? Address, TimeSpan? Watchdog)
{
    /// <param name="environment">Returns the value of a variable, or null.</param>
    /// <param name="processId">Our process id: the watchdog may be for another process, from which we inherited the environment.</param>
    public static NotifyEnvironment Read(Func<string, string?> environment, int processId)
    {
        var address = environment("NOTIFY_SOCKET");
        if (address is not ['/' or '@', _, ..])
        {
            return default; // absent, or not the address of a unix socket
        }

        var isOurs = environment("WATCHDOG_PID") is not { Length: > 0 } pid || pid == processId.ToString(CultureInfo.InvariantCulture);
        var isAsked = long.TryParse(environment("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
            && microseconds is > 0 and < long.MaxValue / 10;
        return new(address, isOurs && isAsked ? TimeSpan.FromMicroseconds(microseconds) : null);
    }
}
