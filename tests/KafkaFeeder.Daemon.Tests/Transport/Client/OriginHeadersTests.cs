using System.Text;
using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
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
    /// Two instances on a host log to directories of their own under the same names, and a container gets a new host name.
    /// </summary>
    [Fact]
    public void Records_of_two_segments_of_one_name_on_one_host_are_told_apart()
    {
        var one = Sent(_rig);
        var two = Sent(_other);
        Assert.NotEqual(one.SegmentIdentity, two.SegmentIdentity);
        Assert.Matches("^[0-9a-f]{16}$", one.SegmentIdentity);
        Assert.Equal(one.SegmentIdentity, Sent(_rig).SegmentIdentity);
    }

    [Fact]
    public void Identity_and_offset_are_in_the_headers_after_the_records_own()
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
    public void A_record_without_headers_gets_none_unless_they_are_asked_for()
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

    private static OutboundBatch Sent(ShippingRig rig)
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
        var batch = new OutboundBatch
        {
            Origin = folder,
            SegmentName = "20261121_100000_3600_UTC-orders.szn",
            SegmentIdentity = "abc",
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
