namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Keeps threads available if others are blocked. Shippers read files, and a file system may block. Then the thread pool by itself adds
/// only two threads per second, and a request for <c>/healthz</c> waits until there is one. Many threads from the start would cost about
/// 0.3 MB of memory each. So the pool starts with few, and a separate thread adds more while no work is completed.
/// </summary>
internal static class ThreadPolicy
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>Enough to keep a disk busy with blocking reads.</summary>
    private const int LeastThreads = 8;

    private static int _isApplied;

    /// <summary>To be called at the start of the process; later calls do nothing.</summary>
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
            var wanted = growth.Check(ThreadPool.ThreadCount, ThreadPool.PendingWorkItemCount, ThreadPool.CompletedWorkItemCount);
            if (wanted != threads && ThreadPool.SetMinThreads(wanted, ports))
            {
                threads = wanted;
            }

            Thread.Sleep(Interval);
        }
    }
}
