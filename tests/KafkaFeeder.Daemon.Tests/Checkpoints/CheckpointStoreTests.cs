using System.Text;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using KafkaLog.Format.Checksums;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class CheckpointStoreTests : IDisposable
{
    private const string First = "20261121_100000_3600_UTC-orders.szn";
    private const string Second = "20261121_110000_3600_UTC-orders.szn";

    private readonly TempFolder _folder = new();
    private readonly List<string> _problems = [];

    private CheckpointStore? _store;

    public void Dispose()
    {
        _store?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_saved_checkpoint_is_there_after_a_crash()
    {
        Open();
        Save("orders", At(First, 100));
        Save("orders", At(First, 200), At(Second, 50));
        Save("payments", At("20261121_100000_3600_UTC-payments.szn", 7));
        Assert.Equal([(First, 200L), (Second, 50L)], Segments("orders"));
        Assert.Equal(7, Assert.Single(Segments("payments")).Position);
        Assert.Empty(_problems);
    }

    [Fact]
    public void A_save_writes_only_what_has_changed()
    {
        Open();
        Save("orders", [.. Enumerable.Range(0, 10_000).Select(i => At($"20261121_{i % 1_000_000:d6}_1_UTC-orders.szn", 1))]);
        var before = Bytes();
        Save("orders", At(First, 100));
        Assert.InRange(Bytes() - before, 1, 500);
    }

    [Fact]
    public void A_forgotten_segment_stays_forgotten()
    {
        Open();
        Save("orders", At(First, 100), At(Second, 50));
        Run(_store!.SaveAsync(_store.Of("/logs", "orders"), new CheckpointChange { Removed = [First.AsSegment()] }));
        Assert.Equal([(Second, 50L)], Segments("orders"));
        Restart();
        Save("orders", At(Second, 60));
        Assert.Equal([(Second, 60L)], Segments("orders"));
    }

    [Fact]
    public void Only_the_last_two_snapshots_are_kept()
    {
        Open(maxChangesBytes: 600);
        for (var i = 1; i <= 50; i++)
        {
            Save("orders", At(First, i));
            Assert.Equal([(First, (long)i)], Segments("orders"));
        }

        Assert.Equal(4, Directory.GetFiles(_folder.Path).Length);
        Assert.Empty(_problems);
    }

    [Fact]
    public void Only_the_owner_may_read_checkpoint_files()
    {
        Open();
        Save("orders", At(First, 1));
        Assert.All(
            Directory.GetFiles(_folder.Path), f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
    }

    [Fact]
    public void A_crash_during_a_save_leaves_the_checkpoint_before_it()
    {
        Open();
        Save("orders", At(First, 100));
        var changes = Changes();
        var before = new FileInfo(changes).Length;
        Save("orders", At(First, 200));
        var whole = File.ReadAllBytes(changes);
        for (var bytes = before; bytes < whole.Length; bytes++)
        {
            File.WriteAllBytes(changes, whole[..(int)bytes]);
            Assert.Equal([(First, 100L)], Segments("orders"));
        }

        Assert.Empty(_problems);
    }

    [Fact]
    public void A_crash_while_a_snapshot_is_written_loses_nothing()
    {
        Open();
        Save("orders", At(First, 100));
        File.WriteAllText(Path.Combine(_folder.Path, "checkpoints-00000002.snapshot.new"), "kafkafeeder-checkpoint 2 full\nhalf");
        Restart();
        Assert.Equal([(First, 100L)], Segments("orders"));
        Save("orders", At(First, 200));
        Assert.Equal([(First, 200L)], Segments("orders"));
        Assert.Empty(_problems);
    }

    [Fact]
    public void A_damaged_snapshot_loses_nothing_because_the_files_before_it_have_the_same()
    {
        Open(maxChangesBytes: 600);
        for (var i = 1; i <= 5; i++)
        {
            Save("orders", At(First, i));
            Save("payments", At("20261121_100000_3600_UTC-payments.szn", i));
        }

        var snapshot = Directory.GetFiles(_folder.Path, "*.snapshot").Order(StringComparer.Ordinal).Last();
        var whole = File.ReadAllBytes(snapshot);
        for (var at = 0; at < whole.Length; at += 3)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0x40;
            File.WriteAllBytes(snapshot, damaged);
            _problems.Clear();
            Assert.Equal(5, Assert.Single(Segments("orders")).Position);
            Assert.Equal(5, Assert.Single(Segments("payments")).Position);
            Assert.NotEmpty(_problems);
        }
    }

    [Fact]
    public void Damage_among_the_changes_moves_the_position_back_and_never_ahead()
    {
        Open();
        var ends = new List<long>();
        for (var i = 1; i <= 4; i++)
        {
            Save("orders", At(First, i));
            ends.Add(Bytes());
        }

        var whole = File.ReadAllBytes(Changes());
        for (var at = ends[0]; at < ends[1]; at++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0x40;
            File.WriteAllBytes(Changes(), damaged);
            _problems.Clear();
            Assert.Equal([(First, 1L)], Segments("orders"));
            Assert.Contains(_problems, p => p.Contains("are missing", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void After_a_failed_write_the_next_save_is_complete()
    {
        Open();
        Save("orders", At(First, 1));
        var blocked = Path.Combine(_folder.Path, "checkpoints-00000002.snapshot.new");
        Directory.CreateDirectory(blocked); // a snapshot cannot be written
        Restart();
        Assert.ThrowsAny<IOException>(() => Save("orders", At(First, 2)));
        Assert.Equal([(First, 1L)], Segments("orders"));
        Directory.Delete(blocked);
        Save("orders", At(Second, 3));
        Assert.Equal([(First, 1L), (Second, 3L)], Segments("orders"));
    }

    [Fact]
    public void While_no_snapshot_can_be_written_changes_are_still_saved()
    {
        Open(maxChangesBytes: 600);
        Save("orders", At(First, 1));
        Directory.CreateDirectory(Path.Combine(_folder.Path, "checkpoints-00000002.snapshot.new"));
        for (var i = 2; i < 10; i++)
        {
            Save("orders", At(First, i));
            Assert.Equal([(First, (long)i)], Segments("orders"));
        }
    }

    [Fact]
    public void A_snapshot_without_its_file_of_changes_does_not_undo_later_saves()
    {
        Open();
        Save("orders", At(First, 1));
        var snapshot = CheckpointText.Write(Load("orders"));
        Save("orders", At(First, 2));
        File.WriteAllBytes(Path.Combine(_folder.Path, "checkpoints-00000002.snapshot"), snapshot); // what a full disk leaves
        Assert.Equal([(First, 2L)], Segments("orders"));
        Restart();
        Save("orders", At(First, 3));
        Assert.Equal([(First, 3L)], Segments("orders"));
    }

    [Fact]
    public void An_inconsistent_checkpoint_is_refused_and_nothing_is_written()
    {
        Open();
        Save("orders", At(First, 1));
        var bytes = Bytes();
        var ofAnother = Change(At("20261121_100000_3600_UTC-payments.szn", 1));
        Assert.Throws<CheckpointException>(() => { _ = _store!.SaveAsync(_store.Of("/logs", "orders"), ofAnother); });
        Assert.Equal(bytes, Bytes());
        Save("orders", At(First, 2));
        Assert.Equal([(First, 2L)], Segments("orders"));
    }

    [Fact]
    public void A_checkpoint_of_a_later_version_is_not_overwritten()
    {
        const string Body = "kafkafeeder-checkpoint 4 full\n";
        File.WriteAllText(
            Path.Combine(
                _folder.Path, "checkpoints-00000001.snapshot"), $"{Body}crc32c {Crc32C.Compute(Encoding.UTF8.GetBytes(Body)):x8}\n");
        Assert.Throws<NewerCheckpointException>(() => Open());
    }

    [Fact]
    public void Checkpoints_of_version_1_are_imported_and_their_files_renamed()
    {
        var body =
            $"kafkafeeder-checkpoint 1\ncomponent orders\ndirectory %2Flogs\ngeneration 9\npossible-duplicates 3\nsegment {First} "
                + "position 40 record 0 offset 4 bytes 90 open head - last -\n";
        File.WriteAllText(_folder.File("orders-1.checkpoint"), "nonsense");
        File.WriteAllText(
            _folder.File("orders-1.checkpoint.previous"), $"{body}crc32c {Crc32C.Compute(Encoding.UTF8.GetBytes(body)):x8}\n");
        Open();
        Assert.Contains("Going back to the previous generation", Assert.Single(_problems), StringComparison.Ordinal);
        Assert.Equal([(First, 40L)], Segments("orders"));
        Save("orders", At(First, 50));
        Assert.Equal([(First, 50L)], Segments("orders"));
        Assert.False(File.Exists(_folder.File("orders-1.checkpoint")));
        Assert.True(File.Exists(_folder.File("orders-1.checkpoint.imported")));
        Assert.Equal(3, Load("orders").PossibleDuplicates);
    }

    [Fact]
    public async Task Saves_of_many_logs_share_one_sync()
    {
        using var busy = new BusyOnce();
        var loops = new Loops(busy);
        using var store = CheckpointStore.Open(_folder.Path, _problems.Add);
        store.Loops = loops;
        var saves = Enumerable.Range(0, 500).Select(i =>
            store.SaveAsync(store.Of("/logs", $"log{i}"), Change(At($"20261121_100000_3600_UTC-log{i}.szn", 5)))).ToList();
        busy.GoOn();
        await Task.WhenAll(saves);
        Assert.Equal(1, store.Syncs);
        var loaded = CheckpointFiles.Load(_folder.Path, _problems.Add);
        Assert.Equal(500, loaded.Count);
        Assert.All(loaded.Values, l => Assert.Equal(5, Assert.Single(l.Snapshot().Segments).Acknowledged.Position));
    }

    /// <summary>A clock that blocks every other thread that reads it, until <see cref="GoOn"/>.</summary>
    private sealed class BusyOnce : TimeProvider, IDisposable
    {
        private readonly int _thread = Environment.CurrentManagedThreadId;
        private readonly ManualResetEventSlim _mayGoOn = new();

        public void GoOn() => _mayGoOn.Set();

        public override long GetTimestamp()
        {
            if (Environment.CurrentManagedThreadId != _thread)
            {
                _mayGoOn.Wait();
            }

            return base.GetTimestamp();
        }

        public void Dispose() => _mayGoOn.Dispose();
    }

    private static SegmentCheckpoint At(string name, long position) =>
        new(name.AsSegment(), new AcknowledgedPosition(position, 0, position, null, 0, position), 1_000, false, null);

    private static CheckpointChange Change(params SegmentCheckpoint[] segments) => new() { Segments = segments, PossibleDuplicates = 3 };

    private void Open(long maxChangesBytes = CheckpointStore.DefaultMaxChangesBytes) =>
        _store = CheckpointStore.Open(_folder.Path, _problems.Add, maxChangesBytes, commitsInline: true);

    private void Restart()
    {
        _store!.Dispose();
        Open();
    }

    private void Save(string component, params SegmentCheckpoint[] segments) =>
        Run(_store!.SaveAsync(_store.Of("/logs", component), Change(segments)));

    private static void Run(Task save) => save.GetAwaiter().GetResult(); // inline: it is done

    private string Changes() => Directory.GetFiles(_folder.Path, "*.changes").Order(StringComparer.Ordinal).Last();

    private long Bytes() => new FileInfo(Changes()).Length;

    private Checkpoint Load(string component) => CheckpointFiles.Load(_folder.Path, _problems.Add)[("/logs", component)].Snapshot();

    private List<(string Name, long Position)> Segments(string component) =>
        [.. Load(component).Segments.OrderBy(s => s.Name, StringComparer.Ordinal).Select(s => (s.Name, s.Acknowledged.Position))];
}
