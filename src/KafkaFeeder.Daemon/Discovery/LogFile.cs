using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>A <c>kafkafeeder.yaml</c> as it was found.</summary>
/// <param name="Path">In its real directory.</param>
/// <param name="Owner">Whose the file is that was read.</param>
/// <param name="MayQuote">
/// False if the file that was read may be another than the author of the name may read himself: then no message shows
/// anything of what is in it.
/// </param>
/// <param name="Parsed">What it says.</param>
internal sealed record LogFile(string Path, uint Owner, bool MayQuote, ParsedLogs Parsed)
{
    /// <summary>Why nothing of it may be shown, and what to do.</summary>
    public string WhyHidden { get; init; } = "the file is a link to another, or not its directory's owner's.";

    /// <summary>The real path of the directory that it lies in.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path) ?? "/";

    /// <summary>One that could not be read.</summary>
    public static LogFile Unreadable(string path, string reason) =>
        new(path, 0, false, new ParsedLogs { Faults = [new ConfigFault(path, 0, "", reason)] });

    /// <summary>A fault of an entry, as it may be shown.</summary>
    public ConfigFault Shown(ConfigFault fault) => MayQuote || !Parsed.FileReadable && fault.Line == 0 && fault.Key.Length == 0
        ? fault
        : new ConfigFault(fault.File, fault.Line, "", "has a fault. What is wrong is not shown: " + WhyHidden);
}
