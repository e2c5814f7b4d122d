namespace KafkaLog.Format.Records;

/// <summary>A record to be appended. The bytes are copied before the append returns.</summary>
public readonly ref struct NewRecord
{
    private readonly ReadOnlySpan<byte> _key;
    private readonly ReadOnlySpan<byte> _value;

    /// <summary>A record without a key.</summary>
    public NewRecord(long timestamp, ReadOnlySpan<byte> value)
    {
        Timestamp = timestamp;
        Value = value;
    }

    /// <summary>A record with a key.</summary>
    public NewRecord(long timestamp, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        : this(timestamp, value)
    {
        Key = key;
    }

    /// <summary>A record that was read, to be appended elsewhere. Its bytes still belong to the reader.</summary>
    public NewRecord(Record record)
    {
        Timestamp = record.Timestamp;
        Key = record.Key;
        HasKey = record.HasKey;
        Value = record.Value;
        HasValue = record.HasValue;
        Headers = record.CopyHeaders();
    }

    /// <summary>ms since 1970-01-01 UTC.</summary>
    public long Timestamp { get; init; }

    /// <summary>
    /// The key. Used only if <see cref="HasKey"/> is true, which setting the key does. For a record without a key, leave it out.
    /// </summary>
    public ReadOnlySpan<byte> Key
    {
        get => _key;
        init
        {
            _key = value;
            HasKey = true;
        }
    }

    /// <summary>False: the key is null, which is not the same as empty.</summary>
    public bool HasKey { get; init; }

    /// <summary>
    /// The value. Used only if <see cref="HasValue"/> is true, which setting the value does. For a tombstone, leave it out.
    /// </summary>
    public ReadOnlySpan<byte> Value
    {
        get => _value;
        init
        {
            _value = value;
            HasValue = true;
        }
    }

    /// <summary>False: the value is null (a tombstone), which is not the same as empty.</summary>
    public bool HasValue { get; init; }

    /// <summary>The headers, in order; names may repeat.</summary>
    public ReadOnlySpan<RecordHeader> Headers { get; init; }
}
