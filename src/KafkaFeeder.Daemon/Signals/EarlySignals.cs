using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Signals;

/// <summary>
/// Handles signals before the loops run; the default action of the kernel would kill the process. SIGTERM and SIGINT end the process
/// with an exit code. The others are ignored, since everything is about to be read anyway.
/// </summary>
internal static class EarlySignals
{
    private static readonly List<PosixSignalRegistration> Stops = [];
    private static readonly List<PosixSignalRegistration> Others = [];

    /// <summary>To be called first in the process.</summary>
    /// <param name="exitOnStop">The exit code for SIGTERM and SIGINT.</param>
    public static void Catch(int exitOnStop)
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT])
        {
            Stops.Add(PosixSignalRegistration.Create(signal, _ => Environment.Exit(exitOnStop)));
        }

        foreach (var signal in (PosixSignal[])[PosixSignal.SIGHUP, (PosixSignal)SignalHandlers.Usr1, (PosixSignal)SignalHandlers.Usr2])
        {
            Others.Add(PosixSignalRegistration.Create(signal, context => context.Cancel = true));
        }
    }

    /// <summary>From now on the host handles SIGTERM and SIGINT.</summary>
    public static void Begun() => Release(Stops);

    /// <summary>For commands that run only briefly: the default actions apply again.</summary>
    public static void Release()
    {
        Release(Stops);
        Release(Others);
    }

    private static void Release(List<PosixSignalRegistration> registrations)
    {
        registrations.ForEach(r => r.Dispose());
        registrations.Clear();
    }
}
