namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Threads for what must not wait. Shippers read files, and a file system may hang: the pool, left alone, then adds two
/// threads a second, and an answer to <c>/healthz</c> waits behind them. To have many from the start costs memory, some
/// 0.3 MB each. So there are few, and a thread of its own sees to it that there are more when nothing gets done.
/// </summary>
internal static class ThreadPolicy
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>Enough to keep a disk busy with reads that wait.</summary>
    private const int LeastThreads = 8;

    private static int _isApplied;

    /// <summary>To be called at the start; later calls change nothing.</summary>
    public static void Apply()
    {
        if (Interlocked.Exchange(ref _isApplied, 1) == 0)
        {
            new Thread(Watch) { IsBackground = true, Name = "thread pool watch" }.Start();
        }
    }

    private static void Watch()
    {
        ThreadPool.GetMinThreads(out var threads, out var ports);
        var growth = new PoolGrowth(Math.Max(LeastThreads, threads));
        while (true)
        {
            var wanted = growth.Look(ThreadPool.ThreadCount, ThreadPool.PendingWorkItemCount, ThreadPool.CompletedWorkItemCount);
            if (wanted != threads && ThreadPool.SetMinThreads(wanted, ports))
            {
                threads = wanted;
            }

            Thread.Sleep(Interval);
        }
    }
}
