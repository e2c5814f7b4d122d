using KafkaFeeder.Daemon.Status;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Status;

public sealed class StateHistoryTests
{
    private readonly StateHistory _history = new();

    [Fact]
    public void Only_changes_of_the_state_are_kept_each_with_its_first_reason()
    {
        Add(1, LogState.Idle);
        Add(2, LogState.Held, "no such topic");
        Add(3, LogState.Held, "no such topic, for 3 s");
        Add(4, LogState.Shipping);
        Assert.Equal(
            [
                new StateChange(At(1), LogState.Idle, null),
                new StateChange(At(2), LogState.Held, "no such topic"),
                new StateChange(At(4), LogState.Shipping, null),
            ],
            _history.Changes);
    }

    [Fact]
    public void The_last_ten_changes_are_kept()
    {
        for (var i = 0; i < 25; i++)
        {
            Add(i, i % 2 == 0 ? LogState.Retrying : LogState.Shipping);
        }

        Assert.Equal(Enumerable.Range(15, 10).Select(At), _history.Changes.Select(c => c.At));
    }

    private void Add(int second, LogState state, string? error = null) => _history.Add(At(second), state, error);

    private static DateTimeOffset At(int second) => DateTimeOffset.UnixEpoch.AddSeconds(second);
}
