using System.Text;
using Confluent.Kafka;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Client;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Client;

public sealed class OriginHeadersTests : IDisposable
{
    private readonly ShippingRig _rig = new();
    private readonly ShippingRig _other = new();

    public void Dispose()
    {
        _rig.Dispose();
        _other.Dispose();
    }

    /// <summary>
    /// Two instances on one host write segments of the same names in different directories. A container gets a new host name.
    /// </summary>
    [Fact]
    public void Segments_of_one_name_on_one_host_have_different_identities()
    {
        var one = Sent(_rig);
        var two = Sent(_other);
        Assert.NotEqual(one.FileIdentity, two.FileIdentity);
        Assert.Matches("^[0-9a-f]{16}$", one.FileIdentity);
        Assert.Equal(one.FileIdentity, Sent(_rig).FileIdentity);
    }

    /// <summary>Old formats have no room for an identity: there it is made from the first bytes of the segment.</summary>
    [Theory]
    [InlineData(0, "a", "b")]
    [InlineData(1, "a", "b")]
    [InlineData(0, "the first record of one instance, which is a long one", "the first record of the other one, which is as long")]
    public void Segments_of_old_formats_are_distinguished_by_their_first_bytes(byte magic, string first, string otherFirst)
    {
        var (one, two) = (SentOfOldFormat(_rig, magic, first), SentOfOldFormat(_other, magic, otherFirst));
        Assert.Equal((two[0].FileName, two[0].BaseOffset), (one[0].FileName, one[0].BaseOffset));
        Assert.NotEqual(two[0].FileIdentity, one[0].FileIdentity);
        Assert.Matches("^head-[0-9a-f]{8}$", one[0].FileIdentity);
        Assert.All(one, b => Assert.Equal(one[0].FileIdentity, b.FileIdentity)); // also for batches added later, and after a restart
    }

    [Fact]
    public void Identity_and_offset_come_after_the_own_headers_of_the_record()
    {
        var headers =
            HeadersOf(new NewRecord(1, "v"u8.ToArray()) { Headers = [new RecordHeader("own", "x")] }, originHeaders: true, out var isMade)!;
        Assert.True(isMade);
        Assert.Equal(
            ["own", OriginHeaders.Host, OriginHeaders.File, OriginHeaders.Segment, OriginHeaders.Offset], headers.Select(h => h.Key));
        Assert.Equal("0", Encoding.UTF8.GetString(headers.GetLastBytes(OriginHeaders.Offset)));
        Assert.Equal("abc", Encoding.UTF8.GetString(headers.GetLastBytes(OriginHeaders.Segment)));
    }

    [Fact]
    public void A_record_without_headers_gets_none_unless_origin_headers_are_on()
    {
        Assert.Null(HeadersOf(new NewRecord(1, "v"u8.ToArray()), originHeaders: false, out var isMade));
        Assert.True(isMade);
    }

    [Fact]
    public void A_header_name_that_is_not_UTF8_is_refused_and_not_changed()
    {
        HeadersOf(
            new NewRecord(1, "v"u8.ToArray()) { Headers = [new RecordHeader(new byte[] { 0x61, 0xff }, null)] },
            originHeaders: false,
            out var isMade);
        Assert.False(isMade);
    }

    /// <summary>A segment of an old format that grows while it is shipped, and is shipped again by the next run.</summary>
    private static List<StoredBatch> SentOfOldFormat(ShippingRig rig, byte magic, string first)
    {
        using (var writer = new LogWriter(new LogWriterOptions { Directory = rig.Logs, Component = "orders", Magic = magic }))
        {
            ShippingRig.Append(writer, first);
            ShippingRig.Append(writer, "a second record");
        }

        var written = Directory.GetFiles(rig.Logs).Single();
        var whole = File.ReadAllBytes(written);
        var path = Path.Combine(rig.Logs, "20261121_100000_3600_UTC-orders.szn");
        File.WriteAllBytes(path, whole[..(int)ShippingRig.BatchesOf(written)[1].Position]);
        File.Delete(written);
        rig.Start();
        rig.Turn();
        File.WriteAllBytes(path, whole);
        rig.Turn(2);
        rig.Crash();
        rig.Start();
        rig.Turn();
        Assert.Equal(4, rig.Transport.Sent.Count);
        return [.. rig.Transport.Sent.Select(s => s.Batch)];
    }

    private static StoredBatch Sent(ShippingRig rig)
    {
        var before = rig.Transport.Sent.Count;
        rig.Segment(["1"]);
        rig.Start();
        rig.Turn();
        var batch = rig.Transport.Sent[before].Batch; // of the oldest segment: nothing is acknowledged
        rig.Crash();
        return batch;
    }

    private static Headers? HeadersOf(NewRecord record, bool originHeaders, out bool isMade)
    {
        using var folder = new KafkaFeeder.Tests.TempFolder();
        using (var writer = new LogWriter(new LogWriterOptions { Directory = folder.Path, Component = "orders" }))
        {
            writer.Append(record, Durability.Flushed);
        }

        using var reader = SegmentReader.Open(Directory.GetFiles(folder.Path, "*.szn").Single());
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        var records = new RecordBatchDecoder().Decode(reader.Batch.Span);
        Assert.True(records.MoveNext());
        var log = SomeLog.In(folder.Path) with { OriginHeaders = originHeaders };
        var batch = new StoredBatch
        {
            FileName = "20261121_100000_3600_UTC-orders.szn",
            FileIdentity = "abc",
            Position = 0,
            EndPosition = 1,
            BaseOffset = 0,
            NextOffset = 1,
            RecordsCount = 1,
            StoredCrc = 0,
            BaseTimestamp = 1,
        };
        isMade = OriginHeaders.TryMake(records.Current, batch, log, out var headers);
        return headers;
    }
}
