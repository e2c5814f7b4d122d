using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class StateLockTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_second_taker_gets_nothing_until_the_first_lets_go()
    {
        var path = _folder.File("lock");
        using (var first = StateLock.TryTake(path))
        {
            Assert.NotNull(first);
            Assert.Null(StateLock.TryTake(path));
        }

        using var next = StateLock.TryTake(path);
        Assert.NotNull(next);
    }

    [Fact]
    public void A_lock_file_that_was_left_behind_keeps_nobody_away()
    {
        File.WriteAllText(_folder.File("lock"), "");
        using var taken = StateLock.TryTake(_folder.File("lock"));
        Assert.NotNull(taken);
    }

    [Fact]
    public void A_directory_that_is_not_there_is_an_error_and_not_somebody_elses_lock() =>
        Assert.Throws<DirectoryNotFoundException>(() => StateLock.TryTake(_folder.File("none/lock")));
}
