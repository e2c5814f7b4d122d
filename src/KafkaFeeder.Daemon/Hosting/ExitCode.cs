namespace KafkaFeeder.Daemon.Hosting;

/// <summary>The exit codes of the program. docs/OPERATIONS.md and --help list them.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>check: there are problems; status: a log is held, failed or has lost something; run: ended by an error.</summary>
    public const int Failed = 1;

    /// <summary>The command line or conf.yaml is wrong.</summary>
    public const int Usage = 2;

    /// <summary>status, reload: no daemon answers.</summary>
    public const int NotRunning = 3;

    /// <summary>drain: not everything was shipped.</summary>
    public const int Left = 4;

    /// <summary>Standard output could not be written (EX_IOERR).</summary>
    public const int NoOutput = 74;

    /// <summary>Another daemon uses the state directory (EX_TEMPFAIL).</summary>
    public const int Busy = 75;
}
