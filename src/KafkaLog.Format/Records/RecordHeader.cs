namespace KafkaLog.Format.Records;

/// <summary>A header of a record (KIP-82): a name, in UTF-8, and bytes or null.</summary>
public readonly record struct RecordHeader(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte>? Value)
{
    /// <summary>A header whose name and value are text.</summary>
    public RecordHeader(string name, string? value)
        : this(
            System.Text.Encoding.UTF8.GetBytes(name),
            value is null ? default(ReadOnlyMemory<byte>?) : System.Text.Encoding.UTF8.GetBytes(value))
    {
    }
}
