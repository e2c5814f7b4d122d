using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Tool.Piping;

namespace KafkaLog.Tool.Tests.Piping;

public class LineSplitterTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("a", "a")]
    [InlineData("a\n", "a")]
    [InlineData("a\nb", "a|b")]
    [InlineData("\n\n", "|")]
    [InlineData("abcd\n", "abcd")]
    [InlineData("abcd", "abcd")]
    [InlineData("abcde\n", "abcd+|e")]
    [InlineData("abcdefghi\nj", "abcd+|efgh+|i|j")]
    [InlineData("a\r\n", "a\r")]
    public void Lines_are_cut_at_newlines_and_at_four_bytes(string input, string pieces) => Assert.Equal(
        pieces,
        string.Join(
            "|",
            Cut(Encoding.ASCII.GetBytes(input), 4, []).Select(p => Encoding.ASCII.GetString(p.Bytes) + (p.IsContinued ? "+" : ""))));

    [Fact]
    public void The_pieces_do_not_depend_on_how_the_bytes_arrive_and_nothing_is_lost() =>
        Prop.ForAll<byte[], PositiveInt, PositiveInt[]>((random, max, chunks) =>
        {
            var input = random.Select(b => b < 60 ? (byte)'\n' : b).ToArray();
            var maxBytes = 1 + (max.Get % 8);
            var pieces = Cut(input, maxBytes, chunks.Select(c => c.Get));
            var atOnce = Cut(input, maxBytes, []);
            var joined = pieces.SelectMany(p => p.IsContinued ? p.Bytes : [.. p.Bytes, (byte)'\n']).ToArray();
            var expected = input.Length == 0 || input[^1] == '\n' ? input : [.. input, (byte)'\n'];
            return pieces.Select(p => (Convert.ToHexString(p.Bytes), p.IsContinued)).SequenceEqual(
                atOnce.Select(p => (Convert.ToHexString(p.Bytes), p.IsContinued)))
                && joined.SequenceEqual(expected)
                && pieces.All(p => p.Bytes.Length <= maxBytes && (!p.IsContinued || p.Bytes.Length == maxBytes));
        }).QuickCheckThrowOnFailure();

    /// <summary>Gives the bytes in chunks of the sizes, the rest at once.</summary>
    private static List<(byte[] Bytes, bool IsContinued)> Cut(byte[] input, int maxBytes, IEnumerable<int> chunks)
    {
        var splitter = new LineSplitter(maxBytes);
        var found = new List<(byte[], bool)>();
        int cut = 0, there = 0;
        foreach (var size in chunks.Append(input.Length))
        {
            there = (int)Math.Min(input.Length, there + (long)size);
            Take(isEnd: false);
        }

        Take(isEnd: true);
        return found;

        void Take(bool isEnd)
        {
            while (splitter.TryCut(input.AsSpan(cut, there - cut), isEnd, out var piece))
            {
                found.Add((input[cut..(cut + piece.Length)], piece.IsContinued));
                cut += piece.Consumed;
            }
        }
    }
}
