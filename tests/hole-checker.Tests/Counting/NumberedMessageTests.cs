using System.Text;
using FsCheck;
using FsCheck.Fluent;
using HoleChecker.Counting;
using Xunit;

namespace HoleChecker.Tests.Counting;

public class NumberedMessageTests
{
    [Theory]
    [InlineData("run=a producer=1 seq=1", "a producer=1", 1)]
    [InlineData("{\"@t\":\"2026\",\"@m\":\"run=2026-x.y_z producer=12 seq=345 and more\"}", "2026-x.y_z producer=12", 345)]
    [InlineData("{\"@m\":\"run=a producer=1 seq=5\"}", "a producer=1", 5)]
    [InlineData("run=a producer=1 seq=9223372036854775807", "a producer=1", long.MaxValue)]
    [InlineData("run=a run=b producer=2 seq=3", "b producer=2", 3)]
    [InlineData("run=run=b producer=2 seq=3", "b producer=2", 3)]
    [InlineData("run=a producer=1 seq=0, run=b producer=2 seq=3", "b producer=2", 3)]
    [InlineData("run=a producer=1 seq=1 run=b producer=2 seq=3", "a producer=1", 1)]
    public void A_number_is_found_anywhere_in_a_message(string text, string source, long sequence)
    {
        Assert.True(NumberedMessage.TryFind(Encoding.UTF8.GetBytes(text), out var message));
        Assert.Equal(source, Encoding.UTF8.GetString(message.Source));
        Assert.Equal(sequence, message.Sequence);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nothing")]
    [InlineData("run=")]
    [InlineData("run= producer=1 seq=1")]
    [InlineData("run=a producer= seq=1")]
    [InlineData("run=a producer=1 seq=")]
    [InlineData("run=a producer=1 seq=0")]
    [InlineData("run=a producer=1 seq=-1")]
    [InlineData("run=a producer=1 seq=1x")]
    [InlineData("run=a producer=1 seq=9223372036854775808")]
    [InlineData("run=a producer=1  seq=1")]
    [InlineData("run=a producer=x seq=1")]
    [InlineData("run=a seq=1 producer=1")]
    [InlineData("rerun=a producer=1 seq=1")]
    public void A_message_without_a_valid_number_is_foreign(string text) =>
        Assert.False(NumberedMessage.TryFind(Encoding.UTF8.GetBytes(text), out _));

    [Fact]
    public void A_message_with_a_far_too_long_run_is_foreign() =>
        Assert.False(NumberedMessage.TryFind(Encoding.UTF8.GetBytes($"run={new string('a', 300)} producer=1 seq=1"), out _));

    [Fact]
    public void Every_cut_short_message_is_foreign_or_has_a_shorter_number()
    {
        var text = Encoding.UTF8.GetBytes("{\"@m\":\"run=a producer=1 seq=345\"}");
        for (var length = 0; length < text.Length; length++)
        {
            if (NumberedMessage.TryFind(text.AsSpan(0, length), out var message))
            {
                Assert.StartsWith($"{message.Sequence}", "345", StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void No_bytes_make_it_fail() =>
        Prop.ForAll<byte[], byte[]>((before, after) =>
        {
            _ = NumberedMessage.TryFind(before, out _);
            _ = NumberedMessage.TryFind([.. "run="u8, .. before, .. " producer=1 seq="u8, .. after], out _);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Finding_allocates_nothing()
    {
        var text = "{\"@m\":\"run=a producer=1 seq=345\"}"u8.ToArray();
        NumberedMessage.TryFind(text, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            NumberedMessage.TryFind(text, out _);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
