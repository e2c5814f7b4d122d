namespace KafkaFeeder.Daemon.Liveness;

/// <summary>The daemon, as the supervisor sees it.</summary>
internal interface ISupervised
{
    /// <summary>All loops and their progress.</summary>
    Loops Loops { get; }

    /// <summary>True once the first search for logs is done.</summary>
    bool IsReady { get; }

    /// <summary>Describes the state of the daemon in one line.</summary>
    /// <param name="isStopping">True if it is stopping and only waits for acknowledgements.</param>
    /// <param name="late">The stalled loops.</param>
    string Describe(bool isStopping, IReadOnlyList<LateLoop> late);
}
