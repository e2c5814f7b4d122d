using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class SegmentTableTests
{
    [Fact]
    public void A_segment_table_behaves_like_a_sorted_dictionary() =>
        Prop.ForAll<(byte Segment, bool IsRemoved)[]>(steps =>
        {
            var table = new SegmentTable<Known>(k => k.Name);
            var model = new SortedDictionary<SegmentName, Known>();
            for (var i = 0; i < steps.Length; i++)
            {
                var name = Name(steps[i].Segment);
                if (steps[i].IsRemoved)
                {
                    Assert.Equal(model.Remove(name), table.Remove(name));
                }
                else
                {
                    table.Set(model[name] = new Known(name, i));
                }

                Assert.Equal(model.Values, table);
                Assert.Equal((model.Count, model.Values.FirstOrDefault()), (table.Count, table.First));
                Assert.Equal(model.GetValueOrDefault(name), table.Find(name));
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_hundred_thousand_segments_stay_in_order_and_are_removed_from_the_front()
    {
        var names = Enumerable.Range(0, 100_000).Select(Name).ToList();
        var table = new SegmentTable<Known>(k => k.Name);
        names.ForEach(name => table.Set(new Known(name, 0)));
        Assert.Equal(names, table.Select(k => k.Name));
        foreach (var name in names)
        {
            Assert.Equal(name, table.First?.Name);
            Assert.True(table.Remove(name));
        }

        Assert.Empty(table);
        Assert.False(table.Contains(names[0]));
    }

    private static SegmentName Name(int number) => $"20261124_{number:D6}_60_UTC-orders.szn".AsSegment();

    private static SegmentName Name(byte number) => Name((int)number);

    private sealed record Known(SegmentName Name, int Step);
}
