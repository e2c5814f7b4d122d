using KafkaFeeder.Daemon.Liveness;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Liveness;

public sealed class RestartPolicyTests
{
    [Fact]
    public void Each_failure_waits_longer_and_the_fourth_holds_the_log()
    {
        var policy = new RestartPolicy(TimeSpan.FromMinutes(10));
        var waits = new List<(double Seconds, bool IsHeld)>();
        for (var i = 0; i < 10; i++)
        {
            var wait = policy.Failed(TimeSpan.FromSeconds(1));
            waits.Add((wait.TotalSeconds, policy.IsHeld));
        }

        Assert.Equal([5, 10, 20, 40, 80, 160, 320, 600, 600, 600], waits.Select(w => w.Seconds));
        Assert.Equal([false, false, false, true, true, true, true, true, true, true], waits.Select(w => w.IsHeld));
    }

    [Fact]
    public void After_a_long_run_the_wait_is_the_first_one_again()
    {
        var policy = new RestartPolicy(TimeSpan.FromMinutes(10));
        for (var i = 0; i < 6; i++)
        {
            policy.Failed(TimeSpan.Zero);
        }

        Assert.Equal(TimeSpan.FromSeconds(5), policy.Failed(TimeSpan.FromHours(1)));
        Assert.False(policy.IsHeld);
    }
}
