using System.Text;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Tests;
using KafkaLog.Format.Checksums;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class CheckpointFileTests : IDisposable
{
    private static readonly Checkpoint Older = CheckpointTextTests.Some with { Generation = 1 };
    private static readonly Checkpoint Newer = CheckpointTextTests.Some with { Generation = 2, PossibleDuplicates = 9 };

    private readonly TempFolder _folder = new();
    private readonly List<string> _told = [];

    private string Present => _folder.File("orders.checkpoint");

    private string Previous => Present + ".previous";

    private string New => Present + ".new";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_save_keeps_the_generation_before_it()
    {
        SaveBoth();
        Assert.Equal(2, Load()?.Generation);
        Assert.Equal(1, CheckpointText.Read(File.ReadAllBytes(Previous)).Generation);
        Assert.False(File.Exists(New));
        Assert.Empty(_told);
    }

    [Fact]
    public void Only_the_owner_may_read_it()
    {
        SaveBoth();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Present));
    }

    [Fact]
    public void Where_there_is_none_there_is_none()
    {
        Assert.Null(Load());
        Assert.Empty(_told);
    }

    [Fact]
    public void A_crash_while_the_new_file_is_written_leaves_the_generation_that_was_there()
    {
        SaveBoth();
        var whole = CheckpointText.Write(Newer with { Generation = 3 });
        for (var bytes = 0; bytes <= whole.Length; bytes++)
        {
            File.WriteAllBytes(New, whole[..bytes]);
            Assert.Equal(2, Load()?.Generation);
        }

        Assert.Empty(_told);
        new CheckpointFile(Present).Save(Newer with { Generation = 3 }); // what was left is in nobody's way
        Assert.Equal(3, Load()?.Generation);
    }

    [Fact]
    public void A_crash_while_the_very_first_is_written_leaves_none()
    {
        File.WriteAllBytes(New, CheckpointText.Write(Older));
        Assert.Null(Load());
    }

    [Fact]
    public void A_crash_between_the_renames_leaves_the_generation_that_was_there()
    {
        SaveBoth();
        File.Move(Present, Previous, overwrite: true);
        File.WriteAllBytes(New, CheckpointText.Write(Newer with { Generation = 3 }));
        Assert.Equal(2, Load()?.Generation);
        Assert.Empty(_told);

        new CheckpointFile(Present).Save(Newer with { Generation = 3 });
        Assert.Equal(3, Load()?.Generation);
        Assert.Equal(2, CheckpointText.Read(File.ReadAllBytes(Previous)).Generation);
    }

    [Fact]
    public void Cut_short_anywhere_it_is_the_previous_generation_and_said_so()
    {
        SaveBoth();
        var whole = File.ReadAllBytes(Present);
        for (var bytes = 0; bytes < whole.Length; bytes++)
        {
            File.WriteAllBytes(Present, whole[..bytes]);
            AssertPrevious();
        }
    }

    [Fact]
    public void With_any_bit_flipped_it_is_the_previous_generation_and_said_so()
    {
        SaveBoth();
        var whole = File.ReadAllBytes(Present);
        for (var bit = 0; bit < whole.Length * 8; bit++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(Present, damaged);
            AssertPrevious();
        }
    }

    [Fact]
    public void With_both_generations_damaged_there_is_none_and_each_was_told()
    {
        SaveBoth();
        File.WriteAllBytes(Present, new byte[200]);
        File.WriteAllBytes(Previous, []);
        Assert.Null(Load());
        Assert.Equal(2, _told.Count);
        Assert.Contains(Present, _told[0], StringComparison.Ordinal);
        Assert.Contains("sent again from its start", _told[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_in_its_place_is_unreadable_and_no_crash()
    {
        SaveBoth();
        File.Delete(Present);
        Directory.CreateDirectory(Present);
        Assert.NotNull(Load());
    }

    [Fact]
    public void A_later_version_stops_the_load_whichever_generation_it_is()
    {
        SaveBoth();
        var body = "kafkafeeder-checkpoint 2\n";
        var later = $"{body}crc32c {Crc32C.Compute(Encoding.UTF8.GetBytes(body)):x8}\n";
        File.WriteAllText(Present, later);
        Assert.Throws<NewerCheckpointException>(Load);
        File.Move(Present, Previous, overwrite: true);
        Assert.Throws<NewerCheckpointException>(Load);
    }

    [Fact]
    public void A_damaged_generation_never_takes_the_place_of_the_good_one_before_it()
    {
        SaveBoth();
        File.WriteAllBytes(Present, new byte[200]);
        var file = new CheckpointFile(Present);
        Assert.Equal(1, file.Load(_told.Add)?.Generation);

        file.Save(Newer with { Generation = 2 });
        Assert.Equal(1, CheckpointText.Read(File.ReadAllBytes(Previous)).Generation); // a crash between the renames would have left nothing
        file.Save(Newer with { Generation = 3 });
        Assert.Equal(2, CheckpointText.Read(File.ReadAllBytes(Previous)).Generation);
        Assert.Equal(3, Load()?.Generation);
    }

    [Fact]
    public void An_inconsistent_checkpoint_leaves_both_generations_as_they_were()
    {
        SaveBoth();
        var twice = Newer with { Generation = 3, Segments = [Newer.Segments[0], Newer.Segments[0]] };
        Assert.Throws<CheckpointException>(() => new CheckpointFile(Present).Save(twice));
        Assert.Equal(2, Load()?.Generation);
        Assert.False(File.Exists(New));
    }

    private void SaveBoth()
    {
        var file = new CheckpointFile(Present);
        file.Save(Older);
        file.Save(Newer);
    }

    private Checkpoint? Load() => new CheckpointFile(Present).Load(_told.Add);

    private void AssertPrevious()
    {
        _told.Clear();
        Assert.Equal(1, Load()?.Generation);
        Assert.Contains("Going back to the previous generation", Assert.Single(_told), StringComparison.Ordinal);
    }
}
