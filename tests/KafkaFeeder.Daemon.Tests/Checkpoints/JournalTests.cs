using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class JournalTests : IDisposable
{
    private const string First = "20261121_100000_3600_UTC-orders.szn";
    private const string Second = "20261121_110000_3600_UTC-orders.szn";

    private static readonly Checkpoint Start = new()
    {
        Component = "orders",
        Directory = "/var/log",
        Segments =
        [
            new SegmentCheckpoint(First.AsSegment(), new AcknowledgedPosition(300, 0, 30, null, 0, 30), 300, true, null),
            new SegmentCheckpoint(Second.AsSegment(), new AcknowledgedPosition(100, 0, 10, null, 0, 10), 900, false, null),
        ],
    };

    private readonly TempFolder _folder = new();

    private string JournalPath => _folder.File("orders.journal");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_new_journal_begins_with_the_open_segments_of_the_checkpoint()
    {
        File.WriteAllText(JournalPath, "kafkafeeder-journal 1 boot x\n" + First + " 999 99\n");
        using var journal = Restore();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(JournalPath));
        Assert.Equal(new Dictionary<string, SentMark> { [Second] = Mark(100, 10) }, Sent());
        Assert.False(Journal.ReadLast(JournalPath).HasRebooted);
    }

    [Fact]
    public void A_line_is_written_before_the_batch_is_sent()
    {
        using var journal = Restore();
        journal.Sending(Second, Mark(200, 20));
        Assert.Equal(Mark(200, 20), Sent()[Second]); // what a kill at this moment leaves
    }

    [Fact]
    public void A_log_that_sends_nothing_has_no_journal_file()
    {
        using var journal = Restore();
        Assert.False(File.Exists(JournalPath));
        journal.Sending(Second, Mark(200, 20));
        Assert.Equal(Mark(200, 20), Sent()[Second]);
    }

    [Fact]
    public void After_going_back_the_journal_counts_from_there()
    {
        using var journal = Restore();
        journal.Sending(Second, Mark(900, 90));
        journal.GoBack(Second, Mark(0, 0));
        Assert.Equal(Mark(0, 0), Sent()[Second]);
        journal.Sending(Second, Mark(200, 20));
        Assert.Equal(Mark(200, 20), Sent()[Second]);
    }

    [Fact]
    public void A_journal_whose_segments_alone_exceed_a_mebibyte_is_not_rewritten_at_each_line()
    {
        using var journal = Restore();
        string Name(int i) => $"20261121_100000_3600_UTC-{new string('o', 180)}{i:d5}.szn";
        for (var i = 0; i < 6_000; i++)
        {
            journal.Sending(Name(i), Mark(100, 10));
        }

        var first = Inode();
        for (var i = 0; i < 3_000; i++)
        {
            journal.Sending(Name(i), Mark(200, 20));
        }

        Assert.Equal(first, Inode());
        Assert.Equal(6_001, Sent().Count); // and the one that the checkpoint has open
        Assert.Equal(Mark(200, 20), Sent()[Name(0)]);

        FileId Inode() => FileFacts.Of(JournalPath).Id;
    }

    [Fact]
    public void A_batch_that_is_sent_again_adds_no_line()
    {
        using var journal = Restore();
        journal.Sending(Second, Mark(200, 20));
        journal.Sending(Second, Mark(300, 30));
        var bytes = new FileInfo(JournalPath).Length;
        journal.Sending(Second, Mark(200, 20));
        Assert.Equal(bytes, new FileInfo(JournalPath).Length);
        Assert.Equal(Mark(300, 30), Sent()[Second]);
    }

    [Fact]
    public void A_last_line_that_was_cut_short_is_ignored_wherever_it_was_cut()
    {
        string whole;
        using (var journal = Restore())
        {
            journal.Sending(Second, Mark(200, 20));
            whole = File.ReadAllText(JournalPath);
            journal.Sending(Second, Mark(30_000, 3_000));
        }

        var torn = File.ReadAllText(JournalPath);
        for (var bytes = whole.Length; bytes < torn.Length; bytes++)
        {
            File.WriteAllText(JournalPath, torn[..bytes]);
            Assert.Equal(Mark(200, 20), Sent()[Second]);
        }
    }

    [Fact]
    public void Lines_that_make_no_sense_are_ignored()
    {
        File.WriteAllText(
            JournalPath, $"kafkafeeder-journal 1 boot x\n{First} 5 1\n\0\0\0 what\n{First} five 2\n{First} -7 3\n\n{Second} 6 2 2\n");
        Assert.Equal(new Dictionary<string, SentMark> { [First] = Mark(5, 1), [Second] = Mark(6, 2) }, Sent());
        Assert.True(Journal.ReadLast(JournalPath).HasRebooted);
    }

    [Fact]
    public void Without_a_journal_nothing_was_sent_and_the_machine_did_not_restart()
    {
        var (sent, hasRebooted) = Journal.ReadLast(JournalPath);
        Assert.Empty(sent);
        Assert.False(hasRebooted);
    }

    [Fact]
    public void A_journal_is_rewritten_at_a_mebibyte_with_the_furthest_position_of_each_segment()
    {
        using var journal = Restore();
        journal.Sending(First, Mark(4_000, 400));
        var largest = 0L;
        for (var i = 0; i < 60_000; i++)
        {
            journal.Sending(Second, Mark(1_000 + i, 100 + i));
            largest = Math.Max(largest, new FileInfo(JournalPath).Length);
        }

        Assert.InRange(largest, 1 << 20, (1 << 20) + 200);
        Assert.InRange(new FileInfo(JournalPath).Length, 1, 3 << 19);
        Assert.Equal(new Dictionary<string, SentMark> { [First] = Mark(4_000, 400), [Second] = Mark(60_999, 60_099) }, Sent());
        Assert.False(File.Exists(JournalPath + ".new"));
    }

    [Fact]
    public void A_forgotten_segment_is_not_kept_when_the_journal_is_rewritten()
    {
        using var journal = Restore();
        journal.Sending(First, Mark(4_000, 400));
        journal.Forget(First);
        for (var i = 0; i < 30_000; i++)
        {
            journal.Sending(Second, Mark(1_000 + i, 100 + i));
        }

        Assert.Equal([Second], Sent().Keys);
    }

    [Fact]
    public void When_the_journal_cannot_be_rewritten_the_batch_is_not_sent_and_the_old_journal_stays()
    {
        using var journal = Restore();
        var next = 1_001;
        journal.Sending(Second, Mark(1_000, 1_000));
        while (new FileInfo(JournalPath).Length <= 1 << 20)
        {
            journal.Sending(Second, Mark(next, next));
            next++;
        }

        Directory.CreateDirectory(JournalPath + ".new"); // in the way of the new file
        for (var i = 0; i < 3; i++)
        {
            Assert.ThrowsAny<Exception>(() => journal.Sending(Second, Mark(1_000_000, 1_000_000)));
            Assert.Equal(Mark(next - 1, next - 1), Sent()[Second]);
        }

        Directory.Delete(JournalPath + ".new");
        journal.Sending(Second, Mark(1_000_000, 1_000_000));
        Assert.Equal(Mark(1_000_000, 1_000_000), Sent()[Second]);
    }

    [Fact]
    public void When_the_new_journal_cannot_be_renamed_no_line_goes_to_a_file_that_nobody_reads()
    {
        var journal = Restore();
        var next = 1_001;
        journal.Sending(Second, Mark(1_000, 1_000));
        while (new FileInfo(JournalPath).Length <= 1 << 20)
        {
            journal.Sending(Second, Mark(next, next));
            next++;
        }

        var aside = JournalPath + ".aside";
        File.Move(JournalPath, aside);
        Directory.CreateDirectory(JournalPath); // the rename fails
        Assert.ThrowsAny<IOException>(() => journal.Sending(Second, Mark(1_000_000, 1_000_000)));
        Directory.Delete(JournalPath);
        File.Move(aside, JournalPath);

        journal.Sending(Second, Mark(1_000_001, 1_000_001));
        Assert.Equal(Mark(1_000_001, 1_000_001), Sent()[Second]);
        journal.Dispose();
    }

    private Dictionary<string, SentMark> Sent() => new(Journal.ReadLast(JournalPath).Sent);

    private static SentMark Mark(long endPosition, long nextOffset) => new(endPosition, nextOffset, nextOffset);

    [Fact]
    public void Marks_of_the_last_run_that_are_ahead_of_the_checkpoint_are_kept_if_they_are_to_be_found_out()
    {
        var ahead = new SentMark(9_000, 90, 90);
        var behind = new SentMark(1, 1, 0);
        using (Journal.Restore(JournalPath, Start, new Dictionary<string, SentMark> { [First] = ahead, ["other"] = behind }))
        {
            using var journal = Journal.Restore(JournalPath, Start, new Dictionary<string, SentMark> { [First] = ahead });
            journal.Sending(First, new SentMark(9_001, 91, 91));
        }

        Assert.Equal(new SentMark(9_001, 91, 91), Journal.ReadLast(JournalPath).Sent[First]);
    }

    private Journal Restore() => Journal.Restore(JournalPath, Start, new Dictionary<string, SentMark>());
}
