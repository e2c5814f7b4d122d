using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Tool.Syslog;

namespace KafkaLog.Tool.Tests.Syslog;

public class SyslogHeaderTests
{
    [Theory]
    [InlineData("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed", "auth crit mymachine.example.com su")]
    [InlineData("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time", "local4 notice 192.0.2.1 myproc")]
    [InlineData("<0>1 - - - - - -", "kern emerg - -")]
    [InlineData("<191>1 - host app", "local7 debug host app")]
    [InlineData("<13>1 apple a day", "user notice - -")] // not 5424
    [InlineData("<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "auth crit mymachine su")]
    [InlineData("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", "user notice 10.0.0.99 -")]
    [InlineData("<30>Nov 21 10:00:00 app[123]: local, without a host", "daemon info - app")]
    [InlineData("<30>Nov 21 10:00:00 app: local", "daemon info - app")]
    [InlineData("<190>Nov 21 10:00:00 web1 nginx: 127.0.0.1 - -", "local7 info web1 nginx")]
    [InlineData("<46>2026-11-21T10:00:00.123456+00:00 web1 rsyslogd: start", "syslog info web1 rsyslogd")]
    [InlineData("<13>just text", "user notice - -")]
    [InlineData("<13>", "user notice - -")]
    [InlineData("<192>Oct 11 22:14:15 h a: x", "- - - -")]
    [InlineData("<>x", "- - - -")]
    [InlineData("<1", "- - - -")]
    [InlineData("<1234>x", "- - - -")]
    [InlineData("< 1>x", "- - - -")]
    [InlineData("", "- - - -")]
    [InlineData("no priority", "- - - -")]
    [InlineData("<13>Oct 11 22:14:15 ", "user notice - -")]
    [InlineData("<13>Xyz 11 22:14:15 host app: x", "user notice - -")]
    public void The_header_of_a_message_is_read(string message, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(message);
        var header = SyslogHeader.Parse(bytes);
        string[] found =
        [
            header.Priority is { } p ? SyslogHeader.Facilities[p >> 3] : "-",
            header.Priority is { } q ? SyslogHeader.Severities[q & 7] : "-",
            TextOf(header.Host),
            TextOf(header.App),
        ];
        Assert.Equal(expected, string.Join(' ', found));

        string TextOf(Part part) => part.Length == 0 ? "-" : Encoding.UTF8.GetString(bytes, part.Start, part.Length);
    }

    [Fact]
    public void No_input_makes_it_fail() =>
        Prop.ForAll<byte[], PositiveInt>((random, choice) =>
        {
            string[] beginnings = ["<13>", "<13>1 ", "<13>Nov 21 10:00:00 ", "<13>2026-11-21T10:00:00Z ", "<"];
            byte[] message = [.. Encoding.ASCII.GetBytes(beginnings[choice.Get % beginnings.Length]), .. random];
            for (var length = 0; length <= message.Length; length++)
            {
                var header = SyslogHeader.Parse(message.AsSpan(0, length));
                if (header.Host.Start + header.Host.Length > length || header.App.Start + header.App.Length > length)
                {
                    return false;
                }
            }

            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void The_kernels_counter_of_dropped_datagrams_is_found_by_the_sockets_inode()
    {
        string[] table =
        [
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
            "  410: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 23456 2 ffff9 0",
            "  411: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34567 2 ffff9 712",
        ];
        Assert.Equal((712, 0, null), (KernelDrops.Find(table, "34567"), KernelDrops.Find(table, "23456"), KernelDrops.Find(table, "1")));
    }

    [Theory]
    [InlineData("127.0.0.1:514", "127.0.0.1:514")]
    [InlineData("0.0.0.0:0", "0.0.0.0:0")]
    [InlineData("[::1]:514", "[::1]:514")]
    [InlineData("localhost:514", "127.0.0.1:514")]
    [InlineData("127.0.0.1", null)]
    [InlineData("::1:514", null)]
    [InlineData("514", null)]
    [InlineData("example.com:514", null)]
    [InlineData("127.0.0.1:99999", null)]
    public void An_address_has_a_port(string text, string? expected) =>
        Assert.Equal(expected, SyslogSockets.ParseEndPoint(text)?.ToString());
}
