namespace KafkaFeeder.Daemon.Liveness;

/// <summary>What is supervised.</summary>
internal interface ISupervised
{
    /// <summary>Every loop, and when it turned last.</summary>
    Loops Loops { get; }

    /// <summary>True when the first search for logs is done.</summary>
    bool IsReady { get; }

    /// <summary>The whole daemon in a line.</summary>
    /// <param name="isStopping">Whether it only waits for acknowledgements.</param>
    /// <param name="late">The loops that hang.</param>
    string Describe(bool isStopping, IReadOnlyList<LateLoop> late);
}
