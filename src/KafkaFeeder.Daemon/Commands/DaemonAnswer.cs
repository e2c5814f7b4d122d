namespace KafkaFeeder.Daemon.Commands;

/// <summary>What was answered, or why nothing was.</summary>
/// <param name="Place">Who was asked: a socket's path, or address and port.</param>
/// <param name="Text">The answer, or why there is none, as a sentence.</param>
/// <param name="IsWell">True for an answer that says so (2xx).</param>
internal readonly record struct DaemonAnswer(string Place, string Text, bool IsWell)
{
    /// <summary>Says that something answers that is no kafkafeeder.</summary>
    public static string Strange(string place, string what) =>
        $"{place} answered, but not as kafkafeeder does: {what}; another program may listen there";
}
