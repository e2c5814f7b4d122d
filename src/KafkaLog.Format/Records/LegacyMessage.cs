using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Records;

/// <summary>
/// A message of magic 0 or 1, in a file or inside a wrapper. All integers are big-endian. Source: Kafka's
/// <c>LegacyRecord</c> and <c>AbstractLegacyRecordBatch</c>, KIP-31, KIP-32.
/// <code>
/// position  bytes  field
///        0      8  Offset                 \ not covered by the CRC
///        8      4  Size, of what follows  /
///       12      4  Crc                    CRC-32 of all that follows
///       16      1  Magic                  0 or 1
///       17      1  Attributes             bits 0-2 codec; magic 1: 3 LogAppendTime
///       18      8  Timestamp              magic 1 only: ms since 1970-01-01 UTC
///    18|26      4  KeyLength              -1: null
///                  Key
///               4  ValueLength            -1: null
///                  Value                  with a codec: messages, compressed as one block (a wrapper)
/// </code>
/// </summary>
internal readonly ref struct LegacyMessage
{
    /// <summary>The shortest message: magic 0, key and value null.</summary>
    public const int MinBytes = 26;

    internal const int CrcPosition = 12;

    private const int TimestampPosition = 18;
    private const int CodecMask = 0x07;
    private const byte LogAppendTime = 0x08;

    public long Offset { get; private init; }

    public byte Magic { get; private init; }

    public byte Attributes { get; private init; }

    /// <summary>ms since 1970 UTC; -1 in magic 0.</summary>
    public long Timestamp { get; private init; }

    public ReadOnlySpan<byte> Key { get; private init; }

    public bool HasKey { get; private init; }

    public ReadOnlySpan<byte> Value { get; private init; }

    public bool HasValue { get; private init; }

    public CompressionType Compression => (CompressionType)(Attributes & CodecMask);

    /// <summary>Bytes in front of the key's length.</summary>
    public static int HeadBytes(byte magic) => magic == 0 ? TimestampPosition : TimestampPosition + sizeof(long);

    /// <summary>Bytes of a message whose key and value are null.</summary>
    public static int MinBytesOf(byte magic) => HeadBytes(magic) + (2 * sizeof(int));

    public static int BytesOf(byte magic, int keyBytes, int valueBytes) => checked(MinBytesOf(magic) + keyBytes + valueBytes);

    /// <summary>The checksum that a whole message should have.</summary>
    public static uint ComputeCrc(ReadOnlySpan<byte> message) => Crc32.Compute(message[RecordBatchHeader.MagicPosition..]);

    /// <summary>
    /// Reads the header of an entry of a file. Nothing is checked; <paramref name="entry"/> holds at least
    /// <see cref="HeadBytes"/>. A wrapper's records are counted by <see cref="WrappedMessages"/>.
    /// </summary>
    public static RecordBatchHeader ReadHeader(ReadOnlySpan<byte> entry)
    {
        var magic = entry[RecordBatchHeader.MagicPosition];
        var attributes = entry[RecordBatchHeader.MagicPosition + 1];
        var timestamp = magic == 0 ? -1 : BinaryPrimitives.ReadInt64BigEndian(entry[TimestampPosition..]);
        var isWrapper = (attributes & CodecMask) != 0;
        return new RecordBatchHeader
        {
            BaseOffset = BinaryPrimitives.ReadInt64BigEndian(entry),
            BatchLength = BinaryPrimitives.ReadInt32BigEndian(entry[8..]),
            PartitionLeaderEpoch = RecordBatchHeader.NoLeaderEpoch,
            Magic = magic,
            StoredCrc = BinaryPrimitives.ReadUInt32BigEndian(entry[12..]),
            Attributes = (short)(attributes & (CodecMask | (magic == 0 ? 0 : LogAppendTime))),
            BaseTimestamp = timestamp,
            MaxTimestamp = timestamp,
            ProducerId = -1,
            ProducerEpoch = -1,
            BaseSequence = -1,
            RecordsCount = isWrapper ? -1 : 1,
        };
    }

    /// <summary>
    /// Takes one message off the front of <paramref name="source"/>. If there is none, <paramref name="fault"/> says why.
    /// </summary>
    public static bool TryRead(
        scoped ref ReadOnlySpan<byte> source, out LegacyMessage message, [NotNullWhen(false)] out string? fault)
    {
        message = default;
        fault = null;
        if (source.Length < MinBytes)
        {
            fault = $"a message of magic 0 or 1 has at least {MinBytes} bytes, {source.Length} are there";
            return false;
        }

        var size = BinaryPrimitives.ReadInt32BigEndian(source[8..]);
        var magic = source[RecordBatchHeader.MagicPosition];
        if (magic > 1)
        {
            fault = $"a message's magic is {magic}, expected 0 or 1";
            return false;
        }

        if (size < MinBytesOf(magic) - RecordBatchHeader.LogOverhead || size > source.Length - RecordBatchHeader.LogOverhead)
        {
            fault = $"a message's size is {size}, expected {MinBytesOf(magic) - RecordBatchHeader.LogOverhead} to "
                + $"{source.Length - RecordBatchHeader.LogOverhead}";
            return false;
        }

        var bytes = source[..(size + RecordBatchHeader.LogOverhead)];
        var rest = bytes[HeadBytes(magic)..];
        if (!TryReadBytes(ref rest, out var key, out var hasKey) || !TryReadBytes(ref rest, out var value, out var hasValue)
            || !rest.IsEmpty)
        {
            fault = $"key and value of a message do not fit its size of {size}";
            return false;
        }

        message = new LegacyMessage
        {
            Offset = BinaryPrimitives.ReadInt64BigEndian(bytes),
            Magic = magic,
            Attributes = bytes[RecordBatchHeader.MagicPosition + 1],
            Timestamp = magic == 0 ? -1 : BinaryPrimitives.ReadInt64BigEndian(bytes[TimestampPosition..]),
            Key = key,
            HasKey = hasKey,
            Value = value,
            HasValue = hasValue,
        };
        source = source[bytes.Length..];
        return true;
    }

    /// <summary>Writes a whole message, checksum included, and returns its length in bytes.</summary>
    public static int Write(Span<byte> to, byte magic, byte attributes, long offset, in NewRecord record)
    {
        var at = WriteHead(to, magic, attributes, offset, record.Timestamp);
        at += WriteBytes(to[at..], record.Key, record.HasKey);
        at += WriteBytes(to[at..], record.Value, record.HasValue);
        Finish(to[..at]);
        return at;
    }

    /// <summary>Writes a wrapper around <paramref name="message"/>'s value, which is already in its place.</summary>
    public static void WriteWrapper(Span<byte> message, byte magic, CompressionType compression, long offset, long timestamp)
    {
        var at = WriteHead(message, magic, (byte)compression, offset, timestamp);
        BinaryPrimitives.WriteInt32BigEndian(message[at..], -1);
        at += sizeof(int);
        BinaryPrimitives.WriteInt32BigEndian(message[at..], message.Length - at - sizeof(int));
        Finish(message);
    }

    private static int WriteHead(Span<byte> to, byte magic, byte attributes, long offset, long timestamp)
    {
        BinaryPrimitives.WriteInt64BigEndian(to, offset);
        to[RecordBatchHeader.MagicPosition] = magic;
        to[RecordBatchHeader.MagicPosition + 1] = attributes;
        if (magic == 1)
        {
            BinaryPrimitives.WriteInt64BigEndian(to[TimestampPosition..], timestamp);
        }

        return HeadBytes(magic);
    }

    private static int WriteBytes(Span<byte> to, ReadOnlySpan<byte> bytes, bool present)
    {
        BinaryPrimitives.WriteInt32BigEndian(to, present ? bytes.Length : -1);
        if (!present)
        {
            return sizeof(int);
        }

        bytes.CopyTo(to[sizeof(int)..]);
        return sizeof(int) + bytes.Length;
    }

    private static void Finish(Span<byte> message)
    {
        BinaryPrimitives.WriteInt32BigEndian(message[8..], message.Length - RecordBatchHeader.LogOverhead);
        BinaryPrimitives.WriteUInt32BigEndian(message[12..], ComputeCrc(message));
    }

    private static bool TryReadBytes(scoped ref ReadOnlySpan<byte> source, out ReadOnlySpan<byte> bytes, out bool present)
    {
        bytes = default;
        present = false;
        if (source.Length < sizeof(int))
        {
            return false;
        }

        var length = BinaryPrimitives.ReadInt32BigEndian(source);
        source = source[sizeof(int)..];
        if (length < -1 || length > source.Length)
        {
            return false;
        }

        if (length >= 0)
        {
            bytes = source[..length];
            source = source[length..];
            present = true;
        }

        return true;
    }
}
