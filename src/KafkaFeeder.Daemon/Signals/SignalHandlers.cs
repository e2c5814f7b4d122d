using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Signals;

/// <summary>
/// SIGHUP and SIGUSR1 (as in the original kafkafeeder): read every kafkafeeder.yaml again. SIGUSR2: write the state of each log to the
/// daemon's log. SIGTERM and SIGINT are handled by the host.
/// </summary>
/// <param name="reload">Called with the name of the signal.</param>
/// <param name="writeState">Writes the state of each log to the daemon's log.</param>
internal sealed class SignalHandlers(Action<string> reload, Action writeState) : IDisposable
{
    // Raw signal numbers, which PosixSignalRegistration accepts. The same for Linux on every architecture of .NET.
    public const int Usr1 = 10;
    public const int Usr2 = 12;

    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <summary>Registers the handlers.</summary>
    public void Start()
    {
        Register(PosixSignal.SIGHUP, () => reload("SIGHUP"));
        Register((PosixSignal)Usr1, () => reload("SIGUSR1"));
        Register((PosixSignal)Usr2, writeState);
    }

    public void Dispose() => _registrations.ForEach(r => r.Dispose());

    private void Register(PosixSignal signal, Action action) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true; // suppresses the default action: ending the process
        action();
    }));
}
