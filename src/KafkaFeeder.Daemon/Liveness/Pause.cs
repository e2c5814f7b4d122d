using System.Threading.Channels;

namespace KafkaFeeder.Daemon.Liveness;

/// <summary>How a loop waits: for an item in its channel, for the end of a time, or for stopping, whichever comes first.</summary>
internal static class Pause
{
    public static async Task ForAsync<T>(ChannelReader<T> channel, TimeSpan atMost, TimeProvider time, CancellationToken stopping)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var something = channel.WaitToReadAsync(done.Token).AsTask();
        var pause = Task.Delay(atMost, time, done.Token);
        await Task.WhenAny(something, pause).ConfigureAwait(false);
        await done.CancelAsync().ConfigureAwait(false); // ends the other wait
    }

    public static async Task ForAsync(TimeSpan time, TimeProvider clock, CancellationToken stopping) =>
        await Task.Delay(time, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
