using System.Reflection;

namespace KafkaFeeder.Daemon.Telemetry;

/// <summary>Which build this is.</summary>
internal static class Build
{
    /// <summary>Version and, where it was built from a checkout, commit.</summary>
    public static string Version { get; } =
        typeof(Build).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
