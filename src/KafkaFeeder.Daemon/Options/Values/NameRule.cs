namespace KafkaFeeder.Daemon.Options.Values;

/// <summary>Kafka's rule for topics, which applies to broker groups here, too: safe in paths, logs and pages.</summary>
internal static class NameRule
{
    public const int MaxLength = 249;

    public const string Expected = "1 to 249 of the characters a-z A-Z 0-9 . _ - (and not . or .. alone)";

    /// <summary>
    /// For components, which are shorter (<see cref="KafkaLog.Format.Segments.SegmentName"/>): a file's name has at most 255 bytes.
    /// </summary>
    public const string ExpectedComponent = "1 to 200 of the characters a-z A-Z 0-9 . _ - (and not . or .. alone)";

    public static bool IsValid(string name) => name.Length is > 0 and <= MaxLength
        && name is not ("." or "..")
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}
