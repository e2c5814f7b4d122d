using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>
/// Segments that somebody writes over, with a file that is not shorter: what stands there then is shipped from its start, what is sent
/// twice is announced, and what was not shipped of the old content is lost and in the ledger.
/// </summary>
public sealed class ShipperWrittenOverTests : IDisposable
{
    private const string WrittenOver = "the file was written over before they were shipped";

    private readonly ShippingRig _rig = new();
    private readonly ShippingRig _other = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose()
    {
        _rig.Dispose();
        _other.Dispose();
    }

    [Theory]
    [InlineData("1 4 5 6", false)] // each as long as the one in its place was
    [InlineData("1 4 5 6", true)]
    [InlineData("1 four five sixth", false)]
    [InlineData("1 2 4 5", false)]
    [InlineData("1 2 4 5", true)]
    public void What_is_written_after_a_first_batch_that_is_the_same_is_shipped(string texts, bool restarts)
    {
        var (path, replacement) = TwoContents(["1", "2", "3"], texts.Split(' '));
        Transport.AcksAtOnce = true;
        _rig.Start();
        Run(3);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        if (restarts)
        {
            _rig.Crash();
            WriteOver(path, replacement);
            _rig.Start();
        }
        else
        {
            WriteOver(path, replacement);
        }

        Run(20);
        Assert.Equal(texts.Split(' '), Transport.Topic.Skip(3));
        Assert.InRange(_rig.Status.PossibleDuplicates, texts.StartsWith("1 2", StringComparison.Ordinal) ? 2 : 1, 4);
        Assert.Equal(_rig.Status.PossibleDuplicates, _rig.Status.ResentRecords);
        Assert.Empty(_rig.Ledger());
    }

    [Fact]
    public void What_was_not_shipped_of_the_old_content_is_lost_though_the_file_is_longer()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var (path, replacement) = TwoContents(["1", "2", "3", "4"], ["1", "five", "six", "seven", "eight", "nine"]);
        var (third, bytes) = (ShippingRig.BatchesOf(path)[2].Position, new FileInfo(path).Length);
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn();
        Transport.AnswerAll();
        WriteOver(path, replacement);
        Run(20);
        Assert.Equal(["1", "2", "1", "five", "six", "seven", "eight", "nine"], Transport.Topic);
        Assert.Equal([("lost", third, bytes, WrittenOver)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition, e.Reason)));
    }

    /// <summary>
    /// A segment with prepared space was found before anybody knew what it begins with; and its checkpoint is saved only later.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)] // something is acknowledged between the change and the look at it
    public void A_file_of_which_no_checkpoint_knows_the_beginning_is_known_all_the_same(bool acksLater)
    {
        _rig.Options = _rig.Options with { CheckpointInterval = TimeSpan.FromHours(1) };
        var (path, replacement) = TwoContents(["1", "2", "3"], ["4", "5", "6", "7"]);
        File.WriteAllBytes(path, [.. File.ReadAllBytes(path), .. new byte[4096]]);
        Transport.AcksAtOnce = !acksLater;
        _rig.Start();
        _rig.Shipper!.RunOnce();
        WriteOver(path, [.. replacement, .. new byte[4096]]);
        _rig.Shipper!.RunOnce();
        Transport.AnswerAll();
        Run(20);
        Assert.Equal(["1", "2", "3", "4", "5", "6", "7"], Transport.Topic);
    }

    [Fact]
    public void A_file_that_was_written_over_and_then_removed_is_shipped_from_what_is_open()
    {
        var (path, replacement) = TwoContents(["1", "2"], ["four", "five", "six"]);
        _rig.Start();
        _rig.Turn();
        Assert.Equal(2, Transport.InFlight.Count);
        WriteOver(path, replacement);
        _rig.Shipper!.RunOnce();
        Look();
        File.Delete(path);
        Look();
        Assert.NotEqual(0, _rig.Status.RemovedBytes);
        Run(20);
        Assert.Equal(["1", "2", "four", "five", "six"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.Equal(1, _rig.Status.CheckpointResets);
    }

    /// <summary>Before anybody looks: that it has no name is seen first.</summary>
    [Theory]
    [InlineData("4 5 6 7")]
    [InlineData("1 4 5 6")]
    public void A_shipped_file_that_was_written_over_and_removed_at_once_is_shipped_and_nothing_is_called_lost(string texts)
    {
        var (path, replacement) = TwoContents(["1", "2"], texts.Split(' '));
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Turn();
        Assert.Equal(["1", "2"], Transport.Topic);
        WriteOver(path, replacement);
        File.Delete(path);
        Look();
        Run(20);
        Assert.Equal(texts.Split(' '), Transport.Topic.Skip(2));
        Assert.Empty(_rig.Ledger());
    }

    /// <summary>That it was written over is seen first, in the same turn: then its name leads to another file, or to none.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_was_written_over_and_lost_its_name_before_it_was_opened_anew_is_shipped(bool isReplaced)
    {
        var (path, replacement) = TwoContents(["1", "2"], ["4", "5", "6"]);
        _rig.Start();
        _rig.Turn();
        Assert.Equal(2, Transport.InFlight.Count);
        WriteOver(path, replacement);
        Look(); // it is known to be written over, and waits for its outcomes
        if (isReplaced)
        {
            File.Move(_other.Segment(["8"], ["9"]), path, overwrite: true);
        }
        else
        {
            File.Delete(path);
        }

        Run(20);
        Assert.Equal(["1", "2", "4", "5", "6"], Transport.Topic.Take(5));
        Assert.Equal(isReplaced ? ["8", "9"] : [], Transport.Topic.Skip(5));
        Assert.Empty(_rig.Ledger());
    }

    [Fact]
    public void A_file_that_is_written_over_while_it_has_no_name_is_shipped_from_what_is_open()
    {
        var (path, replacement) = TwoContents(["1", "2"], ["4", "5", "6"]);
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Turn();
        Assert.Equal(["1", "2"], Transport.Topic);
        var aside = path + ".aside";
        File.Move(path, aside);
        Look();
        WriteOver(aside, replacement);
        Look();
        Run(2);
        Assert.Equal(["1", "2", "4", "5", "6"], Transport.Topic);
        File.Move(aside, path);
        Run(20);
        Assert.Equal(["1", "2", "4", "5", "6"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
    }

    /// <summary>Within a turn, where what is sent next of the new content begins as what was to come of the old one.</summary>
    [Fact]
    public void What_was_sent_of_new_content_before_anybody_saw_that_is_announced_when_it_is_sent_again()
    {
        var (path, replacement) = TwoContents(["1", "2", "3"], ["4", "5", "6"]);
        Transport.AcksAtOnce = true;
        Transport.Refuses = _ =>
        {
            Transport.Refuses = _ => false;
            WriteOver(path, replacement);
            return false;
        };
        _rig.Start();
        _rig.Shipper!.RunOnce();
        var sentOfNew = Transport.Topic.Count(v => v is "5" or "6");
        Run(20);
        Assert.Equal(["4", "5", "6"], Transport.Topic.TakeLast(3));
        Assert.InRange(_rig.Status.PossibleDuplicates, sentOfNew, 3);
    }

    private void Look()
    {
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Shipper!.RunOnce();
    }

    private void Run(int turns)
    {
        for (var i = 0; i < turns; i++)
        {
            _rig.Shipper!.RunOnce();
            Transport.AnswerAll();
            _rig.Time.Advance(TimeSpan.FromSeconds(10));
        }
    }

    /// <summary>
    /// A segment whose batches have these values, which stays open since nobody knows whether its writer lives; and what it is to be
    /// written over with: as far as the values are the same, the same batches.
    /// </summary>
    private (string Path, byte[] Replacement) TwoContents(string[] values, string[] news)
    {
        var same = values.Zip(news).TakeWhile(v => v.First == v.Second).Count();
        var path = _rig.Segment([.. news.Select(v => new[] { v })]);
        var replacement = File.ReadAllBytes(path);
        File.Delete(path);
        var old = _other.Segment([.. values.Select(v => new[] { v })]);
        var begin = (int)ShippingRig.BatchesOf(old)[same].Position;
        File.WriteAllBytes(path, [.. replacement.AsSpan(0, begin), .. File.ReadAllBytes(old).AsSpan(begin)]);
        return (path, replacement);
    }

    private static void WriteOver(string path, byte[] content)
    {
        var before = File.GetLastWriteTimeUtc(path);
        do
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(0);
            file.Write(content);
        }
        while (File.GetLastWriteTimeUtc(path) == before);
    }
}
