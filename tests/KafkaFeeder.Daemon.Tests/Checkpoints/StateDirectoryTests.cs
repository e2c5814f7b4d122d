using KafkaFeeder.Daemon.Checkpoints;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class StateDirectoryTests
{
    private readonly StateDirectory _state = new("/state/checkpoint", "/state/journal");

    [Fact]
    public void Each_log_has_files_of_its_own()
    {
        string[] paths = [_state.CheckpointPath("/a", "orders"), _state.CheckpointPath("/b", "orders"), _state.CheckpointPath("/a", "payments"), _state.JournalPath("/a", "orders")];
        Assert.Equal(paths.Length, paths.Distinct().Count());
        Assert.Equal(_state.CheckpointPath("/a", "orders"), new StateDirectory("/state/checkpoint", "/x").CheckpointPath("/a", "orders"));
    }

    [Fact]
    public void Whatever_the_directory_is_called_its_files_stay_where_they_belong_and_fit_into_a_name()
    {
        var component = new string('x', 200);
        foreach (var directory in (string[])["/a/../..", "/ž\n", "/" + new string('d', 4_000)])
        {
            Assert.Equal("/state/checkpoint", Path.GetDirectoryName(_state.CheckpointPath(directory, component)));
            Assert.Equal("/state/journal", Path.GetDirectoryName(_state.JournalPath(directory, component)));
            Assert.Equal("/state/checkpoint/rejected", Path.GetDirectoryName(_state.RejectedDirectory(directory, component)));
            Assert.InRange(Path.GetFileName(_state.CheckpointPath(directory, component) + ".previous").Length, 1, 255);
        }
    }
}
