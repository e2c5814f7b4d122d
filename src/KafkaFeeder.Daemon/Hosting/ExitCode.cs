namespace KafkaFeeder.Daemon.Hosting;

/// <summary>What the program ends with. docs/OPERATIONS.md and --help list them.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>check: something is wrong; status: a log is held, failed or has lost something; run: an error ended it.</summary>
    public const int Failed = 1;

    /// <summary>The command line or conf.yaml is wrong.</summary>
    public const int Usage = 2;

    /// <summary>status, reload: no daemon answers.</summary>
    public const int NotRunning = 3;

    /// <summary>drain: something is left.</summary>
    public const int Left = 4;

    /// <summary>Standard output cannot be written (EX_IOERR).</summary>
    public const int NoOutput = 74;

    /// <summary>Another daemon has the state directory (EX_TEMPFAIL).</summary>
    public const int Busy = 75;
}
