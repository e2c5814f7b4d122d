using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Signals;

/// <summary>
/// SIGHUP and SIGUSR1 (the original's): read every kafkafeeder.yaml anew. SIGUSR2: write the state of each log to the
/// log. SIGTERM and SIGINT are the host's.
/// </summary>
/// <param name="reload">Gets the name of the signal that asks for it.</param>
/// <param name="writeState">Writes the state of each log to the log.</param>
internal sealed class SignalHandlers(Action<string> reload, Action writeState) : IDisposable
{
    // Raw numbers, which PosixSignalRegistration takes: Linux on every architecture of .NET.
    public const int Usr1 = 10;
    public const int Usr2 = 12;

    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <summary>Begins to listen.</summary>
    public void Start()
    {
        Register(PosixSignal.SIGHUP, () => reload("SIGHUP"));
        Register((PosixSignal)Usr1, () => reload("SIGUSR1"));
        Register((PosixSignal)Usr2, writeState);
    }

    public void Dispose() => _registrations.ForEach(r => r.Dispose());

    private void Register(PosixSignal signal, Action action) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true; // not the default: to end the process
        action();
    }));
}
