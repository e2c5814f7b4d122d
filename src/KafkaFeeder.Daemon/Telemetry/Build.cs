using System.Reflection;

namespace KafkaFeeder.Daemon.Telemetry;

/// <summary>Identifies this build.</summary>
internal static class Build
{
    /// <summary>The version and, if it was built from a checkout, the commit.</summary>
    public static string Version { get; } =
        typeof(Build).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
