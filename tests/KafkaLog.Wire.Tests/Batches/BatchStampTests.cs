using KafkaLog.Format;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaFeeder.Tests;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Protocol;
using Xunit;

namespace KafkaLog.Wire.Tests.Batches;

public sealed class BatchStampTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_stamped_batch_has_its_producer_a_right_checksum_and_the_same_records()
    {
        var stored = Batch();
        using var writer = new WireWriter();
        new BatchStamp(77, 3, 1_000_000).WriteTo(writer, stored);
        var reader = new WireReader(writer.Written.Span);
        var sent = reader.ReadBytes().ToArray();
        reader.ThrowIfNotAtEnd();

        Assert.True(RecordBatchHeader.TryRead(sent, out var header));
        Assert.Equal((0, 2), (header.BaseOffset, header.RecordsCount));
        Assert.Equal((77L, (short)3, 1_000_000), (header.ProducerId, header.ProducerEpoch, header.BaseSequence));
        Assert.Equal(header.StoredCrc, RecordBatchHeader.ComputeCrc(sent));
        var records = new RecordBatchDecoder().Decode(sent);
        Assert.True(records.MoveNext());
        Assert.Equal("first"u8.ToArray(), records.Current.Value.ToArray());
        Assert.True(records.MoveNext());
        Assert.Equal("second"u8.ToArray(), records.Current.Value.ToArray());
    }

    [Fact]
    public void What_is_no_whole_batch_of_magic_2_is_refused()
    {
        using var writer = new WireWriter();
        Assert.Throws<ArgumentException>(() => new BatchStamp(1, 0, 0).WriteTo(writer, new byte[60]));
        Assert.Throws<ArgumentException>(() => new BatchStamp(1, 0, 0).WriteTo(writer, new byte[100]));
        var batch = Batch();
        Assert.Throws<ArgumentException>(() => new BatchStamp(1, 0, 0).WriteTo(writer, batch.AsSpan()[..^1]));
        Assert.Throws<ArgumentException>(() => new BatchStamp(1, 0, 0).WriteTo(writer, [.. batch, .. batch]));
    }

    /// <summary>A new CRC would make a changed record valid.</summary>
    [Fact]
    public void A_batch_that_was_changed_after_it_was_read_is_refused()
    {
        using var writer = new WireWriter();
        var batch = Batch();
        batch[^1] ^= 1;
        Assert.Throws<CorruptBatchException>(() => new BatchStamp(1, 0, 0).WriteTo(writer, batch));
    }

    [Theory]
    [InlineData(0, 5, 5)]
    [InlineData(int.MaxValue, 1, 0)]
    [InlineData(int.MaxValue - 1, 5, 3)]
    public void The_sequence_starts_again_after_two_to_the_31(int sequence, int records, int after) =>
        Assert.Equal(after, BatchStamp.SequenceAfter(sequence, records));

    private byte[] Batch()
    {
        using (var writer = new LogWriter(new LogWriterOptions { Directory = _folder.Path, Component = "orders" }))
        {
            writer.Append(new NewRecord(1, "first"u8.ToArray()));
            writer.Append(new NewRecord(2, "second"u8.ToArray()));
        }

        using var reader = SegmentReader.Open(Directory.GetFiles(_folder.Path).Single());
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        return reader.Batch.ToArray();
    }
}
