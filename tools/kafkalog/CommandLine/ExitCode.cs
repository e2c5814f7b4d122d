namespace KafkaLog.Tool.CommandLine;

/// <summary>What the program's exit code says; --help says it too.</summary>
internal static class ExitCode
{
    /// <summary>All well.</summary>
    public const int Good = 0;

    /// <summary>Done, but something is damaged, or was not written.</summary>
    public const int Bad = 1;

    /// <summary>It could not be done: wrong arguments, a file that cannot be read.</summary>
    public const int NotDone = 2;
}
