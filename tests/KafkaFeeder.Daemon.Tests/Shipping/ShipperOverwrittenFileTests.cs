using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>
/// Segments that are overwritten with content that is not shorter. The new content is shipped from its start, duplicates are counted,
/// and unshipped bytes of the old content are lost and in the ledger.
/// </summary>
public sealed class ShipperOverwrittenFileTests : IDisposable
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
    [InlineData("1 4 5 6", false)] // each batch as long as the one before in its place
    [InlineData("1 4 5 6", true)]
    [InlineData("1 four five sixth", false)]
    [InlineData("1 2 4 5", false)]
    [InlineData("1 2 4 5", true)]
    public void New_content_after_an_unchanged_first_batch_is_shipped(string texts, bool restarts)
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
    public void Unshipped_old_content_is_lost_even_if_the_new_file_is_longer()
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
    /// A segment with prepared space was found before its first batch was known, and its checkpoint is saved only later.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)] // a batch is acknowledged after the change, before it is seen
    public void An_overwritten_file_is_detected_even_if_no_checkpoint_has_its_first_batch(bool acksLater)
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
    public void A_file_overwritten_and_then_removed_is_shipped_from_the_open_file()
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

    /// <summary>Before the change is seen: the missing name is seen first.</summary>
    [Theory]
    [InlineData("4 5 6 7")]
    [InlineData("1 4 5 6")]
    public void A_shipped_file_overwritten_and_removed_at_once_is_shipped_and_not_reported_as_lost(string texts)
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

    /// <summary>The new content is seen first, in the same turn. Then the name leads to another file, or to none.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_overwritten_file_that_loses_its_name_before_it_is_opened_again_is_shipped(bool isReplaced)
    {
        var (path, replacement) = TwoContents(["1", "2"], ["4", "5", "6"]);
        _rig.Start();
        _rig.Turn();
        Assert.Equal(2, Transport.InFlight.Count);
        WriteOver(path, replacement);
        Look(); // the new content is detected, and waits for the outcomes
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
    public void A_file_overwritten_while_it_has_no_name_is_shipped_from_the_open_file()
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

    /// <summary>Within a turn, with new content that has a batch exactly where the next one of the old content was.</summary>
    [Fact]
    public void New_content_sent_before_the_change_was_seen_is_a_possible_duplicate_when_sent_again()
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
    /// A segment whose batches have these values. It stays open, because it is unknown whether its writer lives. And the content to
    /// overwrite it with: as far as the values are the same, the same batches.
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
