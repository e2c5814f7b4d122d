using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Records;

/// <summary>
/// What an entry of magic 0 or 1 holds: itself, or, if it is a wrapper, the messages that its value decompresses to.
/// Their offsets are absolute in magic 0. In magic 1 they are relative, and the wrapper has the absolute offset of the last
/// one, which gives all others (KIP-31). Source: Kafka's <c>AbstractLegacyRecordBatch.DeepRecordsIterator</c>.
/// </summary>
internal static class WrappedMessages
{
    /// <summary>Opens an entry. Every message in it is checked, checksums included.</summary>
    /// <param name="entry">The whole entry, whose own CRC was checked.</param>
    /// <param name="decompressed">Room for the messages of a wrapper; cleared first.</param>
    /// <param name="maxBytes">The most bytes that they may decompress to.</param>
    /// <param name="messages">The messages, one after the other.</param>
    /// <param name="offsetShift">What to add to their stored offsets.</param>
    /// <exception cref="CorruptBatchException">It does not decompress, or not to messages.</exception>
    /// <exception cref="UnsupportedBatchException">The codec is not available.</exception>
    public static RecordBatchHeader Open(
        ReadOnlySpan<byte> entry, DecompressionBuffer decompressed, int maxBytes, out ReadOnlySpan<byte> messages, out long offsetShift)
    {
        var header = LegacyMessage.ReadHeader(entry);
        var rest = entry;
        if (!LegacyMessage.TryRead(ref rest, out var outer, out var fault))
        {
            throw Broken(header, fault);
        }

        if (!rest.IsEmpty)
        {
            throw Broken(header, $"{rest.Length} bytes follow it");
        }

        messages = entry;
        offsetShift = 0;
        if (outer.Compression == CompressionType.None)
        {
            return header;
        }

        var codec = CompressionCodecs.For(outer.Compression, outer.Magic)
            ?? throw new UnsupportedBatchException(
                $"the message at offset {header.BaseOffset} is compressed with codec {(int)outer.Compression}, which magic {outer.Magic} "
                    + "does not have");
        decompressed.Clear();
        codec.Decompress(outer.Value, decompressed, maxBytes);
        messages = decompressed.WrittenSpan;
        return Describe(header, messages, out offsetShift);
    }

    private static RecordBatchHeader Describe(in RecordBatchHeader wrapper, ReadOnlySpan<byte> messages, out long offsetShift)
    {
        var count = 0;
        long first = 0, last = 0, baseTimestamp = 0, maxTimestamp = -1;
        for (var rest = messages; !rest.IsEmpty; count++)
        {
            var whole = rest;
            if (LegacyMessage.TryRead(ref rest, out var message, out var fault) && message.Magic != wrapper.Magic)
            {
                fault = $"a message's magic is {message.Magic}";
            }
            else if (fault is null && message.Compression != CompressionType.None)
            {
                fault = "a message in a wrapper is a wrapper itself";
            }
            else if (fault is null && LegacyMessage.ComputeCrc(whole[..^rest.Length]) != LegacyMessage.ReadHeader(whole).StoredCrc)
            {
                fault = $"the CRC-32 of message {count} in it is wrong";
            }
            else if (fault is null && count > 0 && message.Offset <= last)
            {
                fault = $"offset {message.Offset} follows offset {last}";
            }

            if (fault is not null)
            {
                throw Broken(wrapper, fault);
            }

            if (count == 0)
            {
                first = message.Offset;
                baseTimestamp = message.Timestamp;
            }

            last = message.Offset;
            maxTimestamp = Math.Max(maxTimestamp, message.Timestamp);
        }

        if (count == 0)
        {
            throw Broken(wrapper, "it holds no messages");
        }

        offsetShift = wrapper.Magic == 1 ? wrapper.BaseOffset - last : 0;
        if (last - first > int.MaxValue || first + offsetShift < 0)
        {
            throw Broken(wrapper, $"its messages have the offsets {first + offsetShift} to {last + offsetShift}");
        }

        return wrapper with
        {
            BaseOffset = first + offsetShift,
            LastOffsetDelta = (int)(last - first),
            RecordsCount = count,
            BaseTimestamp = wrapper.IsLogAppendTime ? wrapper.MaxTimestamp : baseTimestamp,
            MaxTimestamp = wrapper.IsLogAppendTime ? wrapper.MaxTimestamp : maxTimestamp,
        };
    }

    private static CorruptBatchException Broken(in RecordBatchHeader entry, string what) =>
        new($"the message at offset {entry.BaseOffset} has a valid CRC, but {what}");
}
