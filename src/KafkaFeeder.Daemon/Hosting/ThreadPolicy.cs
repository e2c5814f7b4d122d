namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Threads for what must not wait: shippers read files and push their windows on threads of the pool, which has as many as
/// the machine has cores and gets another one each half second. An answer to <c>/healthz</c> would queue up behind them.
/// </summary>
internal static class ThreadPolicy
{
    /// <summary>More than are ever at work at once where logs do not wait for anything. A thread that is not needed is not made.</summary>
    public const int MinThreads = 32;

    /// <summary>To be called once, at the start.</summary>
    public static void Apply()
    {
        ThreadPool.GetMinThreads(out var workers, out var ports);
        ThreadPool.SetMinThreads(Math.Max(workers, MinThreads), ports);
    }
}
