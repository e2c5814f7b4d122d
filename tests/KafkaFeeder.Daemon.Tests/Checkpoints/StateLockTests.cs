using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class StateLockTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_second_process_gets_the_lock_only_after_the_first_has_released_it()
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
    public void A_lock_file_without_a_holder_can_be_taken()
    {
        File.WriteAllText(_folder.File("lock"), "");
        using var taken = StateLock.TryTake(_folder.File("lock"));
        Assert.NotNull(taken);
    }

    [Fact]
    public void A_missing_directory_is_an_error_and_not_a_held_lock() =>
        Assert.Throws<DirectoryNotFoundException>(() => StateLock.TryTake(_folder.File("none/lock")));
}
