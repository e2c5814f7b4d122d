using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaLog.Format.Checksums;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class CheckpointTextTests
{
    private const string Name = "20261121_100000_3600_UTC-orders.szn";

    internal static readonly Checkpoint Some = new()
    {
        Component = "orders",
        Directory = "/var/log/my apps/ž",
        Generation = 42,
        PossibleDuplicates = 7,
        Segments =
        [
            new SegmentCheckpoint(Name.AsSegment(), new AcknowledgedPosition(500, 0, 12, 400, 0xdeadbeef, 11), 500, true, 0x01020304),
            new SegmentCheckpoint(
                "20261121_110000_3600_UTC-orders.szn".AsSegment(),
                new AcknowledgedPosition(61, 3, 4, null, 0, 4, 0x0badcafe),
                900,
                false,
                null,
                DateTimeOffset.FromUnixTimeMilliseconds(1_000),
                HasUncopied: true),
            new SegmentCheckpoint(
                "20261121_120000_3600_UTC-orders.szn".AsSegment(),
                new AcknowledgedPosition(9, 0, 0, null, 0),
                9,
                true,
                null,
                HasUncopied: true),
        ],
    };

    [Fact]
    public void A_checkpoint_is_written_as_this_text()
    {
        const string body = "kafkafeeder-checkpoint 2 full\n"
            + "component orders\n"
            + "directory %2Fvar%2Flog%2Fmy%20apps%2F%C5%BE\n"
            + "generation 42\n"
            + "possible-duplicates 7\n"
            + "segment 20261121_100000_3600_UTC-orders.szn position 500 record 0 offset 12 records 11 bytes 500 done "
            + "head 01020304 last 400:deadbeef missing -\n"
            + "segment 20261121_110000_3600_UTC-orders.szn position 61 record 3 offset 4 records 4 bytes 900 open "
            + "head - last - missing 1000 uncopied batch 0badcafe\n"
            + "segment 20261121_120000_3600_UTC-orders.szn position 9 record 0 offset 0 records 0 bytes 9 done "
            + "head - last - missing - uncopied\n";
        Assert.Equal(WithCrc(body), Encoding.UTF8.GetString(CheckpointText.Write(Some)));
    }

    [Fact]
    public void The_state_of_the_transport_is_kept_in_checkpoints_and_changes()
    {
        var text = Encoding.UTF8.GetString(CheckpointText.Write(Some with { TransportState = "id=7:3" }));
        Assert.StartsWith("kafkafeeder-checkpoint 3 full\n", text, StringComparison.Ordinal); // so that earlier versions stop, and say why
        Assert.Contains("possible-duplicates 7\ntransport id=7:3\nsegment ", text, StringComparison.Ordinal);
        Assert.Equal("id=7:3", CheckpointText.Read(Encoding.UTF8.GetBytes(text)).Checkpoint.TransportState);
        var change = CheckpointText.WriteChange("orders", "/var", 2, new CheckpointChange { TransportState = "id=7:4" });
        Assert.Equal("id=7:4", CheckpointText.Read(change).Checkpoint.TransportState);
        Assert.Equal("", CheckpointText.Read(CheckpointText.Write(Some)).Checkpoint.TransportState);
    }

    [Theory]
    [InlineData("two words")]
    [InlineData("two\nlines")]
    [InlineData("not ASCII: ž")]
    public void A_transport_state_that_could_not_be_read_back_is_not_written(string state)
    {
        Assert.Throws<CheckpointException>(() => CheckpointText.Write(Some with { TransportState = state }));
        Assert.Throws<CheckpointException>(
            () => CheckpointText.WriteChange("orders", "/var", 2, new CheckpointChange { TransportState = state }));
    }

    [Fact]
    public void A_change_lists_changed_and_forgotten_segments()
    {
        var change = new CheckpointChange { PossibleDuplicates = 8, Segments = [Some.Segments[1]], Removed = [Name.AsSegment()] };
        var bytes = CheckpointText.WriteChange("orders", Some.Directory, 43, change);
        Assert.StartsWith("kafkafeeder-checkpoint 2 change\n", Encoding.UTF8.GetString(bytes), StringComparison.Ordinal);
        var frame = CheckpointText.Read(bytes);
        Assert.False(frame.IsFull);
        Assert.Equal((43, 8), (frame.Checkpoint.Generation, frame.Checkpoint.PossibleDuplicates));
        Assert.Equal([Some.Segments[1]], frame.Checkpoint.Segments);
        Assert.Equal([Name.AsSegment()], frame.Removed);
    }

    /// <summary>Earlier versions did not write which batch the records were in.</summary>
    [Theory]
    [InlineData("", false, null)]
    [InlineData(" uncopied", true, null)]
    [InlineData(" batch 0badcafe", false, 0x0badcafeu)]
    public void The_last_fields_of_a_segment_line_may_be_missing(string end, bool hasUncopied, uint? batchCrc)
    {
        var line = $"segment {Name} position 61 record 3 offset 4 records 4 bytes 900 open head - last - missing -{end}\n";
        var frame = "kafkafeeder-checkpoint 2 full\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 0\n" + line;
        Assert.Equal(
            new SegmentCheckpoint(
                Name.AsSegment(), new AcknowledgedPosition(61, 3, 4, null, 0, 4, batchCrc), 900, false, null, HasUncopied: hasUncopied),
            Assert.Single(CheckpointText.Read(Encoding.UTF8.GetBytes(WithCrc(frame))).Checkpoint.Segments));
    }

    [Theory]
    [InlineData(61, 0, "")] // it did not go back
    [InlineData(61, 61, "")] // all of it was sent again
    [InlineData(61, 700, " sent 700")]
    [InlineData(0, 700, " sent 700")]
    public void The_position_before_going_back_is_kept_until_all_was_sent_again(long position, long sentTo, string end)
    {
        var segment = new SegmentCheckpoint(
            Name.AsSegment(), new AcknowledgedPosition(position, 0, 0, null, 0), 900, false, null, HasUncopied: true, SentTo: sentTo);
        var frame = CheckpointText.Write(Some with { Segments = [segment] });
        Assert.Contains($" missing - uncopied{end}\n", Encoding.UTF8.GetString(frame), StringComparison.Ordinal);
        var read = Assert.Single(CheckpointText.Read(frame).Checkpoint.Segments);
        Assert.Equal(end.Length == 0 ? segment with { SentTo = 0 } : segment, read);
        Assert.Equal((position, end.Length == 0 ? 0 : sentTo), (read.Acknowledged.Position, read.SentTo));
    }

    [Fact]
    public void Version_1_is_still_read()
    {
        var body = """
            kafkafeeder-checkpoint 1
            component orders
            directory %2Fvar
            generation 42
            possible-duplicates 7
            segment 20261121_100000_3600_UTC-orders.szn position 500 record 0 offset 12 bytes 500 done head 01020304 last 400:deadbeef

            """;
        var frame = CheckpointText.Read(Encoding.UTF8.GetBytes(WithCrc(body)));
        Assert.True(frame.IsFull);
        Assert.Equal(
            new SegmentCheckpoint(Name.AsSegment(), new AcknowledgedPosition(500, 0, 12, 400, 0xdeadbeef, 12), 500, true, 0x01020304),
            Assert.Single(frame.Checkpoint.Segments));
    }

    [Fact]
    public void A_damaged_frame_costs_no_other_frame()
    {
        var frames = Enumerable.Range(1, 3).Select(i => CheckpointText.Write(Some with { Generation = i })).ToList();
        var whole = frames.SelectMany(f => f).ToArray();
        for (var at = frames[0].Length; at < frames[0].Length + frames[1].Length; at++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0x20;
            var read = new List<long>();
            var problems = new List<bool>();
            CheckpointText.ReadFrames(damaged, f => read.Add(f.Checkpoint.Generation), (_, isEnd) => problems.Add(isEnd));
            Assert.Equal([1, 3], read.Where(g => g != 2));
            Assert.DoesNotContain(2, read);
            Assert.NotEmpty(problems);
            Assert.DoesNotContain(true, problems);
        }
    }

    [Fact]
    public void A_last_frame_that_was_cut_short_is_not_taken_for_damage()
    {
        var first = CheckpointText.Write(Some with { Generation = 1 });
        byte[] whole = [.. first, .. CheckpointText.Write(Some with { Generation = 2 })];
        for (var bytes = first.Length + 1; bytes < whole.Length; bytes++)
        {
            var read = new List<long>();
            var problems = new List<bool>();
            CheckpointText.ReadFrames(whole.AsSpan(0, bytes), f => read.Add(f.Checkpoint.Generation), (_, isEnd) => problems.Add(isEnd));
            Assert.Equal([1], read);
            Assert.Equal([true], problems);
        }
    }

    [Fact]
    public void A_checkpoint_is_read_back_as_it_was_written() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2_000), Prop.ForAll<NonNegativeInt[], string>((numbers, directory) =>
        {
            var checkpoint = Of(numbers, directory);
            var read = CheckpointText.Read(CheckpointText.Write(checkpoint)).Checkpoint;
            Assert.Equal(checkpoint with { Segments = read.Segments }, read);
            Assert.Equal(checkpoint.Segments, read.Segments);
        }));

    [Fact]
    public void A_checkpoint_of_a_later_version_is_refused()
    {
        var later = Encoding.UTF8.GetBytes(WithCrc("kafkafeeder-checkpoint 4 full\nwhatever it says\n"));
        var e = Assert.Throws<NewerCheckpointException>(() => CheckpointText.Read(later));
        Assert.Contains("version 4", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("kafkafeeder-checkpoint 1\n")]
    [InlineData("something else 1\n")]
    [InlineData("kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration -1\npossible-duplicates 0\n")]
    [InlineData("kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 99999999999999999999\n")]
    [InlineData("kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 0\nsegment " + Name + "\n")]
    [InlineData("kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 0\nsegment ../" + Name
        + " position 1 record 0 offset 1 bytes 1 open head - last -\n")]
    [InlineData("kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 0\nsegment " + Name
        + " position 1 record 99999999999 offset 1 bytes 1 open head - last -\n")]
    [InlineData("kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 0\nsegment " + Name
        + " position 1 record 0 offset 1 bytes 1 open head xyz last -\n")]
    [InlineData("kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 0\nsegment " + Name
        + " position 1 record 0 offset 1 bytes 1 open head - last 5:\n")]
    public void Nonsense_with_a_correct_checksum_is_refused(string body) =>
        Assert.Throws<CheckpointException>(() => CheckpointText.Read(Encoding.UTF8.GetBytes(WithCrc(body))));

    public static TheoryData<string, string> Inconsistent => new()
    {
        { "position 500 record 0 offset 12 bytes 499 open", "beyond its size" },
        { "position 400 record 0 offset 12 bytes 500 done", "called done" },
        { "position 500 record 1 offset 12 bytes 500 done", "called done" },
    };

    [Theory]
    [MemberData(nameof(Inconsistent))]
    public void An_inconsistent_checkpoint_is_refused_when_read(string segment, string fault)
    {
        var body =
            $"kafkafeeder-checkpoint 1\ncomponent orders\ndirectory x\ngeneration 1\npossible-duplicates 0\nsegment {Name} {segment} head "
                + "- last -\n";
        var e = Assert.Throws<CheckpointException>(() => CheckpointText.Read(Encoding.UTF8.GetBytes(WithCrc(body))));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_inconsistent_checkpoint_is_refused_when_written()
    {
        var good = Some.Segments[1];
        foreach (var bad in (SegmentCheckpoint[])
        [
            good with { Segment = "20261121_110000_3600_UTC-payments.szn".AsSegment() },
            good with { Segment = Name.AsSegment() },
            good with { Acknowledged = good.Acknowledged with { Position = -1 } },
            good with { Acknowledged = good.Acknowledged with { Record = -1 } },
            good with { Acknowledged = good.Acknowledged with { NextOffset = -1 } },
            good with { Acknowledged = good.Acknowledged with { LastBatchPosition = -2 } },
            good with { Acknowledged = good.Acknowledged with { Records = -1 } },
            good with { Bytes = 60 },
            good with { IsDone = true },
        ])
        {
            Assert.Throws<CheckpointException>(() => CheckpointText.Write(Some with { Segments = [Some.Segments[0], bad] }));
        }
    }

    private static string WithCrc(string body) => $"{body}crc32c {Crc32C.Compute(Encoding.UTF8.GetBytes(body)):x8}\n";

    /// <summary>A consistent checkpoint of any numbers.</summary>
    private static Checkpoint Of(NonNegativeInt[] numbers, string? directory)
    {
        var next = 0;
        int Take() => numbers.Length == 0 ? 0 : numbers[next++ % numbers.Length].Get;

        return new Checkpoint
        {
            Component = "a.B-c_9",
            Directory = "/" + Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(directory ?? "")),
            Generation = (long)Take() << 20,
            PossibleDuplicates = Take(),
            Segments =
            [
                .. Enumerable.Range(0, Take() % 5).Select(i =>
                {
                    var isDone = Take() % 2 == 0;
                    var bytes = ((long)Take() << 30) + Take();
                    long? last = Take() % 2 == 0 ? null : Take();
                    var mark = new AcknowledgedPosition(
                        isDone ? bytes : bytes / 2, isDone ? 0 : Take(), Take(), last, last is null ? 0 : (uint)Take());
                    return new SegmentCheckpoint(
                        $"2026112{i}_100000_3600_UTC-a.B-c_9.szn".AsSegment(),
                        mark,
                        bytes,
                        isDone,
                        Take() % 3 == 0 ? null : (uint)Take() * 2);
                }),
            ],
        };
    }
}
