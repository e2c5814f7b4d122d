using System.Text;
using KafkaLog.Wire.Partitioning;
using Xunit;

namespace KafkaLog.Wire.Tests.Partitioning;

public sealed class PartitionTests
{
    /// <summary>The values of Kafka's own UtilsTest.</summary>
    [Theory]
    [InlineData("21", -973932308)]
    [InlineData("foobar", -790332482)]
    [InlineData("a-little-bit-long-string", -985981536)]
    [InlineData("a-little-bit-longer-string", -1486304829)]
    [InlineData("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [InlineData("abc", 479470107)]
    public void Murmur2_is_that_of_Kafka(string key, int hash) => Assert.Equal(hash, KeyHash.Murmur2(Encoding.UTF8.GetBytes(key)));

    /// <summary>The test vectors of the FNV authors.</summary>
    [Theory]
    [InlineData("", 0x811c9dc5)]
    [InlineData("a", 0xe40c292c)]
    [InlineData("foobar", 0xbf9cf968)]
    public void Fnv1a_is_that_of_its_authors(string key, uint hash) => Assert.Equal(hash, KeyHash.Fnv1a(Encoding.UTF8.GetBytes(key)));

    [Fact]
    public void Partitions_are_within_range_whatever_the_sign_of_the_hash()
    {
        for (var i = 0; i < 10_000; i++)
        {
            var key = BitConverter.GetBytes(i);
            Assert.InRange(KeyHash.Murmur2Partition(key, 7), 0, 6);
            Assert.InRange(KeyHash.Fnv1aPartition(key, 7), 0, 6);
        }

        Assert.Equal((-973932308 & int.MaxValue) % 7, KeyHash.Murmur2Partition("21"u8, 7));
        Assert.Equal(Math.Abs(unchecked((int)0xe40c292c) % 7), KeyHash.Fnv1aPartition("a"u8, 7));
    }

    [Fact]
    public void Batches_of_a_stretch_share_a_partition_and_the_next_stretch_has_the_next()
    {
        var place = new PlacePartition(1_000);
        var seed = PlacePartition.SeedOf("0123456789abcdef");
        var first = place.Of(seed, 0, 6);
        Assert.Equal(first, place.Of(seed, 999, 6));
        Assert.Equal((first + 1) % 6, place.Of(seed, 1_000, 6));
        Assert.Equal(first, place.Of(seed, 6_000, 6));
        Assert.Equal(0, place.Of(seed, 5_000, 1));
    }

    [Fact]
    public void Files_start_at_different_partitions()
    {
        var place = new PlacePartition(PlacePartition.DefaultStretchBytes);
        var counts = Enumerable.Range(0, 6_000)
            .GroupBy(i => place.Of(PlacePartition.SeedOf($"{i:x16}"), 0, 6))
            .Select(g => g.Count())
            .ToList();
        Assert.Equal(6, counts.Count);
        Assert.All(counts, c => Assert.InRange(c, 800, 1_200));
    }
}
