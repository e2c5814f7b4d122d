using System.Text;
using System.Text.Json;
using HoleChecker.Counting;
using HoleChecker.Generating;
using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using Xunit;

namespace HoleChecker.Tests.Generating;

public class MessageGeneratorTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 10, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(120)]
    [InlineData(1000)]
    public void A_message_is_json_of_the_wanted_size_with_its_number(int size)
    {
        var value = new MessageTemplate("r1", 7, size).Write(Now, 12345);
        Assert.Equal(size, value.Length);
        Assert.True(NumberedMessage.TryFind(value, out var message));
        Assert.Equal("r1 producer=7", Encoding.UTF8.GetString(message.Source));
        Assert.Equal(12345, message.Sequence);
        Assert.Equal(
            "run=r1 producer=7 seq=12345", JsonDocument.Parse(Encoding.UTF8.GetString(value)).RootElement.GetProperty("@m").GetString());
    }

    [Fact]
    public void A_message_is_never_cut_to_the_wanted_size()
    {
        var template = new MessageTemplate("r1", 7, 1);
        foreach (var sequence in new[] { long.MaxValue, 1L })
        {
            var value = Encoding.UTF8.GetString(template.Write(Now, sequence));
            Assert.Equal($"run=r1 producer=7 seq={sequence}", JsonDocument.Parse(value).RootElement.GetProperty("@m").GetString());
        }
    }

    [Theory]
    [InlineData(10, 3)]
    [InlineData(2, 5)]
    [InlineData(9, 3)]
    public void Producers_share_all_messages(long count, int producers)
    {
        var shares = Enumerable.Range(1, producers).Select(producer => MessageGenerator.ShareOf(count, producers, producer)).ToList();
        Assert.Equal(count, shares.Sum());
        Assert.InRange(shares.Max() - shares.Min(), 0, 1);
    }

    [Fact]
    public async Task Everything_is_written_and_nothing_twice()
    {
        using var folder = new TempFolder();
        using (var writer = new LogWriter(new LogWriterOptions { Directory = folder.Path, Component = "t" }))
        {
            var options = new GenerateOptions { Count = 1000, Producers = 3, ValueBytes = 100, Run = "r" };
            var generator = new MessageGenerator(options, writer, TimeProvider.System);
            await generator.RunAsync(CancellationToken.None);
            Assert.Equal(1000, generator.Written);
        }

        // Uncompressed, so that the numbers lie in the file as they are.
        var bytes = await File.ReadAllBytesAsync(folder.Segments().Single());
        var tally = new TopicTally(1, new SequenceMemory());
        for (var at = 0; NumberedMessage.TryFind(bytes.AsSpan(at), out var message);)
        {
            tally.Add(0, tally.Received, message);
            at += bytes.AsSpan(at).IndexOf("run="u8) + 4;
        }

        Assert.Equal((1000, 1000), (tally.Received, tally.Distinct));
        Assert.All(tally.Sources, source => Assert.Equal((0, 0), (source.Missing, source.OutOfOrder)));
    }

    [Fact]
    public async Task A_rate_is_kept_by_the_clock()
    {
        using var folder = new TempFolder();
        var time = new ManualTime();
        using var writer = new LogWriter(new LogWriterOptions { Directory = folder.Path, Component = "t" });
        var options = new GenerateOptions { Count = 3, Producers = 1, Rate = 10, ValueBytes = 100, Run = "r" };
        var generator = new MessageGenerator(options, writer, time);
        var done = generator.RunAsync(CancellationToken.None);
        for (var expected = 1; expected <= 3; expected++)
        {
            await Eventually.HoldsAsync(() => generator.Written == expected, () => $"{generator.Written} instead of {expected}");
            if (expected < 3)
            {
                Assert.False(done.IsCompleted);
                SpinWait.SpinUntil(() => done.IsCompleted, TimeSpan.FromMilliseconds(20)); // the timer is set by the other thread
                time.Advance(TimeSpan.FromMilliseconds(100));
            }
        }

        await done;
    }
}
