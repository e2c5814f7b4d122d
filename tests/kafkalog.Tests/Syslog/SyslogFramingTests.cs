using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Tool.Syslog;

namespace KafkaLog.Tool.Tests.Syslog;

public class SyslogFramingTests
{
    private const int Max = 10;

    [Theory]
    [InlineData("<1>a\n<2>b\n", "<1>a|<2>b")]
    [InlineData("<1>a\r\n<2>b\0<3>c", "<1>a|<2>b|<3>c")] // newline, CR LF, NUL, and the end of the stream
    [InlineData("4 <1>a5 <2>bb", "<1>a|<2>bb")]
    [InlineData("4 <1>a\n4 <2>b\n", "<1>a|<2>b")] // a newline behind a counted message is no message
    [InlineData("4 <1>a<2>b\n4 <3>c", "<1>a|<2>b|<3>c")] // both in one connection
    [InlineData("8 <1>a\nb\nc", "<1>a\nb\nc")] // newlines in a counted message are its own
    [InlineData("\n\n\0\n<1>a\n\n", "<1>a")]
    [InlineData("hello\n", "hello")]
    [InlineData("12 monkeys\n", "12 monkeys")] // a line that begins with a number
    [InlineData("4 <1>a3 abc", "<1>a|abc")] // counted without a priority, behind a counted one
    [InlineData("007 <1>a\n", "007 <1>a")]
    [InlineData("9999999999 <1>abcde\n", "9999999999+|" + " <1>abcde")] // no length: text that is too long
    [InlineData("999999999 <1>a", "<1>a")] // a lie: what came is kept
    [InlineData("12 ", "12 ")]
    [InlineData("12", "12")]
    [InlineData("0123456789\n", "0123456789")]
    [InlineData("0123456789\r\n", "0123456789")]
    [InlineData("0123456789A\nB\n", "0123456789+|A|B")]
    [InlineData("25 <1>456789abcdefghijklmnop<2>x\n", "<1>456789a+|bcdefghijk+|lmnop|<2>x")]
    public void A_stream_is_cut_into_messages(string stream, string pieces) => Assert.Equal(
        pieces,
        string.Join(
            "|", Cut(Encoding.ASCII.GetBytes(stream), []).Select(p => Encoding.ASCII.GetString(p.Bytes) + (p.IsContinued ? "+" : ""))));

    [Fact]
    public void The_pieces_do_not_depend_on_how_the_bytes_arrive()
    {
        // Bytes that framing is made of, so that all branches are reached.
        var alphabet = "<1> 29\n\r\0ab"u8.ToArray();
        Prop.ForAll<byte[], PositiveInt[]>((random, chunks) =>
        {
            var stream = random.Select(b => alphabet[b % alphabet.Length]).ToArray();
            return Describe(Cut(stream, chunks.Select(c => 1 + (c.Get % 7)))) == Describe(Cut(stream, []));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Only_bytes_of_the_framing_are_left_out()
    {
        var alphabet = "<1> 29\n\r\0ab"u8.ToArray();
        Prop.ForAll<byte[]>(random =>
        {
            var stream = random.Select(b => alphabet[b % alphabet.Length]).ToArray();
            var splits = new SyslogFraming(Max);
            var consumed = 0;
            while (splits.TryCut(stream.AsSpan(consumed), true, out var piece))
            {
                // Bytes outside the piece: the length and a space before it, or a terminator after it.
                var before = Encoding.ASCII.GetString(stream, consumed, piece.Start);
                var behind =
                    Encoding.ASCII.GetString(stream, consumed + piece.Start + piece.Length, piece.Consumed - piece.Start - piece.Length);
                if (piece.Consumed == 0 || piece.Length > Max || before.Trim("0123456789 ".ToCharArray()).Length > 0
                    || behind.Trim('\n', '\r', '\0').Length > 0)
                {
                    return false;
                }

                consumed += piece.Consumed;
            }

            return consumed == stream.Length;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Counted_and_terminated_messages_of_any_content_come_through() =>
        Prop.ForAll<NonEmptyArray<Tuple<bool, byte[]>>>(messages =>
        {
            var stream = new MemoryStream();
            var expected = new List<string>();
            foreach (var (isCounted, random) in messages.Get)
            {
                byte[] message = [.. "<1>"u8, .. random.Take(Max - 3).Where(b => isCounted || b is not ((byte)'\n' or 0 or (byte)'\r'))];
                stream.Write(isCounted ? Encoding.ASCII.GetBytes($"{message.Length} ") : []);
                stream.Write(message);
                stream.Write(isCounted ? [] : "\n"u8);
                expected.Add(Convert.ToHexString(message));
            }

            return Cut(stream.ToArray(), []).Select(p => Convert.ToHexString(p.Bytes)).SequenceEqual(expected);
        }).QuickCheckThrowOnFailure();

    private static string Describe(IEnumerable<(byte[] Bytes, bool IsStart, bool IsContinued)> pieces) =>
        string.Join("|", pieces.Select(p => $"{Convert.ToHexString(p.Bytes)} {p.IsStart} {p.IsContinued}"));

    /// <summary>Gives the bytes in chunks of the sizes, the rest at once, and then the end.</summary>
    private static List<(byte[] Bytes, bool IsStart, bool IsContinued)> Cut(byte[] stream, IEnumerable<int> chunks)
    {
        var framing = new SyslogFraming(Max);
        var found = new List<(byte[], bool, bool)>();
        int cut = 0, there = 0;
        foreach (var size in chunks.Append(stream.Length))
        {
            there = Math.Min(stream.Length, there + size);
            Take(isEnd: false);
        }

        Take(isEnd: true);
        return found;

        void Take(bool isEnd)
        {
            while (framing.TryCut(stream.AsSpan(cut, there - cut), isEnd, out var piece))
            {
                if (piece.Length > 0)
                {
                    found.Add((stream[(cut + piece.Start)..(cut + piece.Start + piece.Length)], piece.IsStart, piece.IsContinued));
                }

                cut += piece.Consumed;
            }
        }
    }
}
