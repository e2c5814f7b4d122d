using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>
/// Whatever the clock does and however often segments roll: no record is lost, and the order of names is the order of writing.
/// </summary>
public sealed class SegmentOrderTests
{
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Records_stay_in_order_when_the_clock_steps_back_and_forth_over_boundaries(int seed)
    {
        var random = new Random(seed);
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time) with { Interval = TimeSpan.FromMinutes(1) });
        const int Records = 400;
        for (var n = 0; n < Records; n++)
        {
            writer.Append(Some.Record(n.ToString(System.Globalization.CultureInfo.InvariantCulture)), n % 3 == 0
                ? Durability.Buffered
                : Durability.Flushed);
            switch (random.Next(4))
            {
                case 0:
                    _time.Advance(TimeSpan.FromSeconds(random.Next(40)));
                    break;
                case 1:
                    _time.SetWallClock(_time.GetUtcNow() + TimeSpan.FromSeconds(random.Next(-200, 200)));
                    break;
                case 2 when random.Next(20) == 0:
                    // a clock without a battery
                    _time.SetWallClock(new DateTimeOffset(random.Next(1970, 2107), 1, 1, 0, 0, 0, TimeSpan.Zero));
                    break;
                default:
                    writer.RunOnce();
                    break;
            }
        }

        writer.Flush();
        Assert.InRange(folder.Segments().Length, 20, Records);
        Assert.Equal(Enumerable.Range(0, Records), Some.ReadFolder(folder).Select(r => int.Parse(r.Value!, null)));
    }

    /// <summary>The names then run ahead of the clock, by a second each.</summary>
    [Fact]
    public void Records_stay_in_order_over_a_thousand_rolls_a_minute_and_a_restart()
    {
        const int Rolls = 1_200;
        using var folder = new TempFolder();
        for (var life = 0; life < 2; life++)
        {
            using var writer = new LogWriter(Some.Options(folder, _time) with { FileSizeLimitBytes = 100 });
            for (var roll = 0; roll < Rolls; roll++)
            {
                writer.Append(
                    Some.Record((life * Rolls + roll).ToString(System.Globalization.CultureInfo.InvariantCulture).PadRight(40)),
                    Durability.Flushed);
                _time.Advance(TimeSpan.FromMilliseconds(60));
            }
        }

        Assert.Equal(2 * Rolls, folder.Segments().Length);
        Assert.Equal(Enumerable.Range(0, 2 * Rolls), Some.ReadFolder(folder).Select(r => int.Parse(r.Value!, null)));
    }

    [Fact]
    public void Two_writers_that_roll_many_times_a_second_find_names_for_both()
    {
        const int Rolls = 1_100;
        const int Together = 100;
        using var folder = new TempFolder();
        using var one = new LogWriter(Some.Options(folder, _time) with { FileSizeLimitBytes = 100 });
        using var other = new LogWriter(Some.Options(folder, _time) with { FileSizeLimitBytes = 100 });
        for (var roll = 0; roll < Rolls; roll++)
        {
            one.Append(Some.Record($"one {roll}".PadRight(40)), Durability.Flushed);
        }

        for (var roll = 0; roll < Together; roll++)
        {
            one.Append(Some.Record($"one {Rolls + roll}".PadRight(40)), Durability.Flushed);
            other.Append(Some.Record($"other {roll}".PadRight(40)), Durability.Flushed);
        }

        var found =
            Some.ReadFolder(folder).Select(r => r.Value!.Split(' ')).ToLookup(words => words[0], words => int.Parse(words[1], null));
        Assert.Equal(Enumerable.Range(0, Rolls + Together), found["one"]);
        Assert.Equal(Enumerable.Range(0, Together), found["other"]);
    }
}
