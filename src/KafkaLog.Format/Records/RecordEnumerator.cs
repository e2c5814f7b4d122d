namespace KafkaLog.Format.Records;

/// <summary>The records of a batch, one after the other. Every length is checked before it is used.</summary>
public ref struct RecordEnumerator
{
    private readonly RecordBatchHeader _header;
    private ReadOnlySpan<byte> _rest;
    private readonly long _offsetShift;
    private int _left;

    internal RecordEnumerator(RecordBatchHeader header, ReadOnlySpan<byte> records, long offsetShift = 0)
    {
        _header = header;
        _rest = records;
        _offsetShift = offsetShift;
        _left = header.RecordsCount;
    }

    /// <summary>The record that <see cref="MoveNext"/> moved to.</summary>
    public Record Current { get; private set; }

    /// <summary>
    /// The bytes of <see cref="Current"/> after its offset delta, from the length of the key to the last header; in magic 2 only. They
    /// mean the same in any batch.
    /// </summary>
    internal ReadOnlySpan<byte> CurrentFields { get; private set; }

    /// <summary>Moves to the next record; false after the last.</summary>
    /// <exception cref="CorruptBatchException">The bytes are not the records that the header promises.</exception>
    public bool MoveNext()
    {
        if (_left == 0)
        {
            return _rest.IsEmpty ? false : throw Broken($"{_rest.Length} bytes follow the last of {_header.RecordsCount} records");
        }

        if (_header.Magic < 2)
        {
            NextMessage();
            return true;
        }

        if (!Varint.TryReadInt32(ref _rest, out var bodyBytes) || bodyBytes < 0 || bodyBytes > _rest.Length)
        {
            throw Broken($"a record's length is {bodyBytes}, {_rest.Length} bytes are there");
        }

        var body = _rest[..bodyBytes];
        _rest = _rest[bodyBytes..];
        _left--;
        if (body.IsEmpty)
        {
            throw Broken("a record without a body");
        }

        body = body[1..]; // attributes
        if (!Varint.TryRead(ref body, out var timestampDelta)
            || !Varint.TryReadInt32(ref body, out var offsetDelta)
            || offsetDelta < 0 || offsetDelta > _header.LastOffsetDelta)
        {
            throw Broken("a record's fields do not fit its length");
        }

        var fields = body;
        if (!TryReadBytes(ref body, out var key, out var hasKey)
            || !TryReadBytes(ref body, out var value, out var hasValue)
            || !Varint.TryReadInt32(ref body, out var headersCount)
            || headersCount < 0 || headersCount > body.Length)
        {
            throw Broken("a record's fields do not fit its length");
        }

        var headers = body;
        for (var i = 0; i < headersCount; i++)
        {
            if (!TryReadBytes(ref body, out _, out var hasName) || !hasName || !TryReadBytes(ref body, out _, out _))
            {
                throw Broken("a record's headers do not fit its length");
            }
        }

        if (!body.IsEmpty)
        {
            throw Broken($"{body.Length} bytes follow the headers of a record");
        }

        var timestamp = _header.IsLogAppendTime ? _header.MaxTimestamp : unchecked(_header.BaseTimestamp + timestampDelta);
        Current = new Record(_header.BaseOffset + offsetDelta, timestamp, key, hasKey, value, hasValue, headers, headersCount);
        CurrentFields = fields;
        return true;
    }

    /// <summary>The next message of magic 0 or 1; all of them were checked when their wrapper was opened.</summary>
    private void NextMessage()
    {
        if (!LegacyMessage.TryRead(ref _rest, out var message, out var fault))
        {
            throw Broken(fault);
        }

        _left--;
        var timestamp = _header.IsLogAppendTime ? _header.MaxTimestamp : message.Timestamp;
        Current =
            new Record(message.Offset + _offsetShift, timestamp, message.Key, message.HasKey, message.Value, message.HasValue, default, 0);
    }

    private static bool TryReadBytes(scoped ref ReadOnlySpan<byte> source, out ReadOnlySpan<byte> bytes, out bool present)
    {
        bytes = default;
        present = false;
        if (!Varint.TryReadInt32(ref source, out var length) || length < -1 || length > source.Length)
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

    private readonly CorruptBatchException Broken(string what) =>
        new($"the record batch at base offset {_header.BaseOffset} has a valid CRC, but {what}");
}
