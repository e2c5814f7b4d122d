using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>A <c>kafkafeeder.yaml</c> that was found.</summary>
/// <param name="Path">Its path, in its real directory.</param>
/// <param name="Owner">The owner of the file that was read.</param>
/// <param name="MayQuote">
/// False if whoever created this name may not be allowed to read the file behind it: then no message shows any of its content.
/// </param>
/// <param name="Parsed">Its content.</param>
internal sealed record LogFile(string Path, uint Owner, bool MayQuote, ParsedLogs Parsed)
{
    /// <summary>Why its content must not be shown, and what to do.</summary>
    public string WhyHidden { get; init; } = "the file is a link to another, or not its directory's owner's.";

    /// <summary>The real path of its directory.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path) ?? "/";

    /// <summary>Creates the result for a file that could not be read.</summary>
    public static LogFile Unreadable(string path, string reason) =>
        new(path, 0, false, new ParsedLogs { Faults = [new ConfigFault(path, 0, "", reason)] });

    /// <summary>Returns a fault in the form that may be shown.</summary>
    public ConfigFault Shown(ConfigFault fault) => MayQuote || !Parsed.FileReadable && fault.Line == 0 && fault.Key.Length == 0
        ? fault
        : new ConfigFault(fault.File, fault.Line, "", "has a fault. What is wrong is not shown: " + WhyHidden);
}
