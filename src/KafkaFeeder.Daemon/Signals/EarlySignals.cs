using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Signals;

/// <summary>
/// What signals do before the loops run, while the kernel's way would be to kill the process: SIGTERM and SIGINT end it, and
/// nothing was begun; the others have nothing to do yet, since all is read anyway.
/// </summary>
internal static class EarlySignals
{
    private static readonly List<PosixSignalRegistration> Stops = [];
    private static readonly List<PosixSignalRegistration> Others = [];

    /// <summary>To be called first of all.</summary>
    /// <param name="exitOnStop">What a stop before the beginning ends with.</param>
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

    /// <summary>From here on the host has those that stop.</summary>
    public static void Begun() => Release(Stops);

    /// <summary>This command is none that runs long.</summary>
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
