using System.Globalization;
using Serilog;

namespace OrderService;

/// <summary>One thread that takes orders and logs them, numbered from 1.</summary>
internal sealed class OrderProducer(ILogger logger, string run, int producer, long count, double rate, TimeProvider time)
{
    // Short enough for a steady pace, long enough not to be a busy wait.
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(10);

    private readonly string _mark = string.Create(CultureInfo.InvariantCulture, $"run={run} producer={producer} seq=");
    private readonly string _customer = string.Create(CultureInfo.InvariantCulture, $"customer-{producer}");

    /// <summary>Returns when all are logged, or soon after <paramref name="cancel"/>.</summary>
    public void Run(CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        for (long seq = 1; seq <= count && !cancel.IsCancellationRequested; seq++)
        {
            WaitForTurn(seq, started, cancel);
            LogOrder(seq);
        }
    }

    /// <summary>
    /// The customer is the record's key. Each producer has one of its own, so its events stay in one partition, and
    /// their order can be checked there. The mark is what hole-checker looks for.
    /// </summary>
    private void LogOrder(long seq) => logger.Information(
        "Order {OrderId} of {Customer} paid {Amount} ({Mark})",
        (producer * 1_000_000_000L) + seq,
        _customer,
        (seq % 10_000) / 100m,
        _mark + seq.ToString(CultureInfo.InvariantCulture));

    private void WaitForTurn(long seq, long started, CancellationToken cancel)
    {
        if (rate <= 0)
        {
            return;
        }

        var due = TimeSpan.FromSeconds((seq - 1) / rate);
        while (time.GetElapsedTime(started) < due && !cancel.IsCancellationRequested)
        {
            cancel.WaitHandle.WaitOne(Pace);
        }
    }
}
