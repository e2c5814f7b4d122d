using System.Globalization;
using KafkaFeeder.Daemon.Options.Values;

namespace KafkaFeeder.Daemon.Options.Faults;

/// <summary>One thing wrong (or, in a list of warnings, odd) in a configuration file.</summary>
/// <param name="File">The file, as it was passed to the loader.</param>
/// <param name="Line">The line, counted from 1; 0 when the whole file is meant.</param>
/// <param name="Key">The path of the setting, <c>shipper.max_in_flight</c>; empty when no setting is meant.</param>
/// <param name="Text">The rest of the sentence, which begins after the key: <c>is "8MiBx"; expected …</c>.</param>
public sealed record ConfigFault(string File, int Line, string Key, string Text)
{
    /// <summary>Longer than any path.</summary>
    internal const int MaxPathShown = 4096;

    /// <summary>
    /// On one line, whatever the file's name: <c>conf.yaml:12: shipper.max_in_flight is "8MiBx"; expected a size such as 8MiB or 500KB.</c>
    /// </summary>
    public override string ToString()
    {
        var file = Quote.Plain(File, MaxPathShown);
        var place = Line > 0 ? string.Create(CultureInfo.InvariantCulture, $"{file}:{Line}: ") : $"{file}: ";
        return Key.Length > 0 ? $"{place}{Key} {Text}" : place + Text;
    }
}
