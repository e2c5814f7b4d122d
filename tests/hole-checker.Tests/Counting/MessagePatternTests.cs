using System.Text;
using HoleChecker.Counting;
using Xunit;

namespace HoleChecker.Tests.Counting;

public class MessagePatternTests
{
    [Theory]
    [InlineData("host=(?<producer>\\w+) n=(?<seq>\\d+)", "x host=web1 n=17 y", " producer=web1", 17)]
    [InlineData("(?<run>\\w+)/(?<producer>\\w+)/(?<seq>\\d+)", "r1/p2/3", "r1 producer=p2", 3)]
    [InlineData("^(?<seq>\\d+)$", "8", " producer=", 8)]
    public void Named_groups_are_read(string pattern, string text, string source, long sequence)
    {
        Assert.True(new MessagePattern(pattern).TryFind(Encoding.UTF8.GetBytes(text), out var message));
        Assert.Equal(source, Encoding.UTF8.GetString(message.Source));
        Assert.Equal(sequence, message.Sequence);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("n=0")]
    [InlineData("n=99999999999999999999")]
    public void What_does_not_match_is_foreign(string text) =>
        Assert.False(new MessagePattern("n=(?<seq>\\d+)").TryFind(Encoding.UTF8.GetBytes(text), out _));

    [Fact]
    public void A_pattern_without_seq_is_refused() => Assert.Contains(
        "no group named seq", Assert.Throws<ArgumentException>(() => new MessagePattern("n=(\\d+)")).Message, StringComparison.Ordinal);
}
