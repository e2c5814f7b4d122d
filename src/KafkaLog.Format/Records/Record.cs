namespace KafkaLog.Format.Records;

/// <summary>A record as it was read. The spans point into the reader's buffer and are valid until it reads on.</summary>
public readonly ref struct Record
{
    private readonly ReadOnlySpan<byte> _headers;

    internal Record(
        long offset,
        long timestamp,
        ReadOnlySpan<byte> key,
        bool hasKey,
        ReadOnlySpan<byte> value,
        bool hasValue,
        ReadOnlySpan<byte> headers,
        int headersCount)
    {
        Offset = offset;
        Timestamp = timestamp;
        Key = key;
        HasKey = hasKey;
        Value = value;
        HasValue = hasValue;
        _headers = headers;
        HeadersCount = headersCount;
    }

    /// <summary>The record's logical number in its segment.</summary>
    public long Offset { get; }

    /// <summary>ms since 1970-01-01 UTC; -1 in magic 0, which has none.</summary>
    public long Timestamp { get; }

    /// <summary>The key; empty if there is none.</summary>
    public ReadOnlySpan<byte> Key { get; }

    /// <summary>False: the key is null.</summary>
    public bool HasKey { get; }

    /// <summary>The value; empty if there is none.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>False: the value is null.</summary>
    public bool HasValue { get; }

    /// <summary>The number of headers.</summary>
    public int HeadersCount { get; }

    /// <summary>The headers as they are stored, without their number.</summary>
    internal ReadOnlySpan<byte> HeadersBytes => _headers;

    /// <summary>Copies the headers, in order.</summary>
    public RecordHeader[] CopyHeaders()
    {
        if (HeadersCount == 0)
        {
            return [];
        }

        var headers = new RecordHeader[HeadersCount];
        var rest = _headers;
        for (var i = 0; i < headers.Length; i++)
        {
            // Lengths were checked when the record was read.
            Varint.TryReadInt32(ref rest, out var nameBytes);
            var name = rest[..nameBytes].ToArray();
            rest = rest[nameBytes..];
            Varint.TryReadInt32(ref rest, out var valueBytes);
            ReadOnlyMemory<byte>? value = null;
            if (valueBytes >= 0)
            {
                value = rest[..valueBytes].ToArray();
                rest = rest[valueBytes..];
            }

            headers[i] = new RecordHeader(name, value);
        }

        return headers;
    }
}
