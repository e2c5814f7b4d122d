namespace KafkaFeeder.Daemon.Control;

/// <summary>
/// Something the running daemon does when somebody asks for it, over its socket in the state directory: whoever may open the socket
/// may run every command. The composition lists the commands; the socket and the command line find them by name.
/// </summary>
/// <param name="Name">Its name, as it stands in the address: lower case, no spaces.</param>
/// <param name="RunAsync">Does it. It ends when the command is done, or is cancelled when nobody waits for the answer any more.</param>
internal sealed record DaemonCommand(string Name, Func<CancellationToken, Task<CommandResult>> RunAsync)
{
    /// <summary>Reads every kafkafeeder.yaml again.</summary>
    public const string Reload = "reload";

    /// <summary>The path of a command in the address.</summary>
    public static string PathOf(string name) => "/commands/" + name;
}

/// <summary>What became of a command.</summary>
/// <param name="IsWell">False: it was done, and something needs attention.</param>
/// <param name="Text">What to print: whole lines.</param>
internal sealed record CommandResult(bool IsWell, string Text);
