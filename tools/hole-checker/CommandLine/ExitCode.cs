namespace HoleChecker.CommandLine;

/// <summary>The program's exit codes; --help lists them too.</summary>
internal static class ExitCode
{
    /// <summary>verify: no holes. generate: everything was written.</summary>
    public const int Good = 0;

    /// <summary>
    /// verify: holes, or fewer messages than expected, or duplicates where none are allowed. generate: not everything was written.
    /// </summary>
    public const int Bad = 1;

    /// <summary>verify: it could not be checked. Both: wrong arguments.</summary>
    public const int NotDone = 2;
}
