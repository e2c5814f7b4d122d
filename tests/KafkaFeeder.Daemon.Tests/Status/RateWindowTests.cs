using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Status;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Status;

public sealed class RateWindowTests
{
    [Fact]
    public void The_rate_counts_only_the_whole_seconds_of_the_window() => Prop.ForAll(
        Gen.Choose(0, 4_000).Zip(Gen.Choose(0, 1_000_000)).ArrayOf().ToArbitrary(),
        steps =>
        {
            var window = new RateWindow();
            var all = new List<(long Second, long Amount)>();
            var now = TimeSpan.Zero;
            return steps.All(step =>
            {
                now += TimeSpan.FromMilliseconds(step.Item1);
                window.Add(now, step.Item2);
                all.Add(((long)now.TotalSeconds, step.Item2));
                var current = (long)now.TotalSeconds;
                var expected = all.Where(a => a.Second < current && a.Second >= current - RateWindow.Seconds).Sum(
                    a => a.Amount) / (double)RateWindow.Seconds;
                return Math.Abs(window.At(now) - expected) < 0.001;
            });
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_steady_stream_has_its_rate_and_an_ended_one_has_rate_zero()
    {
        var window = new RateWindow();
        for (var ms = 0; ms < 60_000; ms += 100)
        {
            window.Add(TimeSpan.FromMilliseconds(ms), 50);
        }

        Assert.Equal(500, window.At(TimeSpan.FromSeconds(60)));
        Assert.Equal(0, window.At(TimeSpan.FromSeconds(60 + RateWindow.Seconds)));
        Assert.Equal(0, window.At(TimeSpan.FromDays(366)));
    }
}
