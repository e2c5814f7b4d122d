using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Systemd;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Systemd;

public sealed class NotifyMessageTests
{
    [Fact]
    public void A_status_is_one_line_of_bounded_length_whatever_an_error_says() => Prop.ForAll<string?>(text =>
    {
        var message = NotifyMessage.Status($"orders held: {text}\nSTOPPING=1\r\0\u0085\u2028{text}");
        return message.StartsWith("STATUS=orders held: ", StringComparison.Ordinal) && message.Length < 420
            && !message.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029');
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_status_keeps_printable_characters() =>
        Assert.Equal("STATUS=3 logs, žlutý 1.2 MB", NotifyMessage.Status("3 logs, žlutý 1.2 MB"));

    [Theory]
    [InlineData(1_500_000_000, 1_000_000_000, 1_500_000)]
    [InlineData(long.MaxValue, 1_000_000_000, 9_223_372_036_854_775)] // up for 292 years
    [InlineData(25, 10, 2_500_000)]
    public void The_time_of_a_reload_is_in_microseconds(long timestamp, long frequency, long microseconds) =>
        Assert.Equal($"RELOADING=1\nMONOTONIC_USEC={microseconds}", NotifyMessage.Reloading(timestamp, frequency));

    [Fact]
    public void A_stop_message_says_how_long_the_stop_may_take() =>
        Assert.Equal("STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000", NotifyMessage.Stopping(TimeSpan.FromSeconds(45)));
}
