namespace KafkaLog.Tool.CommandLine;

/// <summary>The program's exit codes; --help lists them too.</summary>
internal static class ExitCode
{
    /// <summary>All well.</summary>
    public const int Good = 0;

    /// <summary>Done, but something is damaged, or was not written.</summary>
    public const int Bad = 1;

    /// <summary>It could not be done: wrong arguments, a file that cannot be read.</summary>
    public const int NotDone = 2;
}
