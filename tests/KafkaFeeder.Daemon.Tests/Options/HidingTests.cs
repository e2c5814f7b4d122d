using KafkaFeeder.Daemon.Options.Values;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Options;

public sealed class HidingTests
{
    [Theory]
    [InlineData("Invalid value \"topsecretvalue\" for x", "topsecretvalue", "Invalid value \"(hidden)\" for x")]
    [InlineData("topsecretvalue, topsecretvalue", "topsecretvalue", "(hidden), (hidden)")]
    [InlineData("Invalid value \"second\" for x", "first, second", "Invalid value \"(hidden)\" for x")]
    [InlineData("Invalid value \"secret\" for x", " secret\n", "Invalid value \"(hidden)\" for x")]
    [InlineData("Invalid value \"topsecretva\ufffd", "topsecretvalué-and-more", "Invalid value \"(hidden)\ufffd")]
    [InlineData("Invalid value \"tops", "topsecretvalue", "Invalid value \"(hidden)")]
    [InlineData("127.0.0.1:55: \"5\" is out of range", "5", "127.0.0.1:55: \"(hidden)\" is out of range")]
    [InlineData("nothing of it", "topsecretvalue", "nothing of it")]
    [InlineData("nothing of it", "", "nothing of it")]
    public void A_secret_is_hidden_whole_in_part_and_cut_short(string text, string secret, string shown) =>
        Assert.Equal(shown, Hiding.In(text, secret));
}
