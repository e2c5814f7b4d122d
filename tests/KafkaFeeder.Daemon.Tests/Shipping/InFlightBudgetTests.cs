using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class InFlightBudgetTests
{
    [Fact]
    public void A_single_log_may_use_the_whole_budget()
    {
        using var log = new InFlightBudget((_, _) => 1_000).Join("kafka");
        log.Take(999);
        Assert.True(log.AllowsMore(brokersAnswer: true));
        log.Take(1);
        Assert.False(log.AllowsMore(brokersAnswer: true));
    }

    [Fact]
    public void Logs_continue_slowly_while_waiting_batches_hold_all_memory()
    {
        var time = new ManualTime(DateTimeOffset.UnixEpoch);
        var budget = new InFlightBudget((_, _) => 1_000, time);
        using var stuck = budget.Join("kafka");
        stuck.Take(999);
        using var log = budget.Join("kafka");
        Assert.True(log.AllowsFirst(brokersAnswer: true));
        log.Take(1);
        using var other = budget.Join("kafka");
        Assert.False(other.AllowsFirst(brokersAnswer: true));
        time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.True(other.AllowsFirst(brokersAnswer: true));
        log.GiveBack(1);
        other.Take(0);
        Assert.True(log.AllowsFirst(brokersAnswer: true));
    }

    [Fact]
    public void Each_log_has_its_share_however_much_another_holds()
    {
        var budget = new InFlightBudget((_, _) => 1_000);
        using var greedy = budget.Join("kafka");
        greedy.Take(1_000);
        using var late = budget.Join("kafka");
        late.Take(249);
        Assert.True(late.AllowsMore(brokersAnswer: true));
        late.Take(1);
        Assert.False(late.AllowsMore(brokersAnswer: true));
        greedy.GiveBack(600);
        Assert.True(late.AllowsMore(brokersAnswer: true));
    }

    [Fact]
    public void Bytes_in_flight_of_one_broker_group_do_not_limit_another()
    {
        var budget = new InFlightBudget((_, _) => 1_000);
        using var dead = budget.Join("dead");
        dead.Take(1_000);
        using var log = budget.Join("kafka");
        log.Take(499);
        Assert.True(log.AllowsMore(brokersAnswer: true));
        log.Take(1);
        Assert.False(log.AllowsMore(brokersAnswer: true));
    }

    [Fact]
    public void While_brokers_do_not_answer_only_a_few_logs_send()
    {
        var time = new ManualTime(DateTimeOffset.UnixEpoch);
        var budget = new InFlightBudget((_, _) => 1_000, time);
        var logs = Enumerable.Range(0, 20).Select(_ => budget.Join("kafka")).ToList();
        var sent = 0;
        foreach (var log in logs.Where(l => l.AllowsFirst(brokersAnswer: false)))
        {
            log.Take(1);
            sent++;
            Assert.False(log.AllowsMore(brokersAnswer: false));
        }

        Assert.Equal(8, sent);
        Assert.All(logs, l => Assert.True(l.AllowsFirst(brokersAnswer: true)));
        logs[0].GiveBack(1);
        Assert.True(logs[19].AllowsFirst(brokersAnswer: false));
    }

    [Fact]
    public void While_brokers_do_not_answer_each_log_gets_a_turn_as_long_as_there_is_memory()
    {
        var time = new ManualTime(DateTimeOffset.UnixEpoch);
        var budget = new InFlightBudget((_, _) => 1_000, time);
        var logs = Enumerable.Range(0, 20).Select(_ => budget.Join("kafka")).ToList();
        foreach (var log in logs.Take(8))
        {
            log.Take(60);
        }

        foreach (var log in logs.Skip(8))
        {
            Assert.False(log.AllowsFirst(brokersAnswer: false));
            time.Advance(TimeSpan.FromSeconds(5));
            var isRoom = budget.UsedBytes < 1_000;
            Assert.Equal(isRoom, log.AllowsFirst(brokersAnswer: false));
            if (isRoom)
            {
                log.Take(60);
            }
        }

        Assert.Equal(17 * 60, budget.UsedBytes);
    }

    [Fact]
    public void A_log_that_leaves_gives_back_all_its_bytes()
    {
        var budget = new InFlightBudget((_, _) => 1_000);
        var leaving = budget.Join("kafka");
        using var staying = budget.Join("kafka");
        leaving.Take(900);
        staying.Take(250);
        Assert.False(staying.AllowsMore(brokersAnswer: true));
        leaving.Dispose();
        leaving.Dispose();
        Assert.True(staying.AllowsMore(brokersAnswer: true));
        Assert.Equal(250, budget.UsedBytes);
    }

    [Fact]
    public void The_budget_is_the_memory_limit_without_the_base_usage_and_at_least_8_MiB()
    {
        const long Base = InFlightBudget.BaseBytes;
        Assert.Equal(40 << 20, InFlightBudget.LimitFor(Base + InFlightBudget.BytesPerLog + (40 << 20), logs: 1, segments: 0));
        Assert.Equal(
            (40 << 20) - (1000 * InFlightBudget.BytesPerSegment),
            InFlightBudget.LimitFor(Base + InFlightBudget.BytesPerLog + (40 << 20), logs: 1, segments: 1000));
        Assert.Equal(8 << 20, InFlightBudget.LimitFor(Base + (1 << 20), logs: 1, segments: 0));
        Assert.Equal(8 << 20, InFlightBudget.LimitFor(1, logs: 1, segments: 0));
        Assert.Equal(8 << 20, InFlightBudget.LimitFor(InFlightBudget.NeededFor(1000, 5000), logs: 1000, segments: 5000));
    }
}
