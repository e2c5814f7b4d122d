using System.Runtime.InteropServices;
using System.Text;

namespace KafkaFeeder;

/// <summary>A record in librdkafka's memory, valid until the handler it was given to returns.</summary>
internal readonly unsafe ref struct FetchedRecord(RdKafka.Message* message)
{
    private readonly RdKafka.Message* _message = message;

    public int Partition => _message->Partition;

    public long Offset => _message->Offset;

    /// <summary>False: the value is null, which is not the same as empty.</summary>
    public bool HasValue => _message->Value is not null;

    public ReadOnlySpan<byte> Value => new(_message->Value, checked((int)_message->ValueBytes));

    /// <summary>False: the key is null, which is not the same as empty.</summary>
    public bool HasKey => _message->Key is not null;

    public ReadOnlySpan<byte> Key => new(_message->Key, checked((int)_message->KeyBytes));

    /// <summary>ms since 1970-01-01 UTC; -1 if the broker has none (magic 0).</summary>
    public long Timestamp
    {
        get
        {
            int type;
            return RdKafka.MessageTimestamp(_message, &type);
        }
    }

    /// <summary>The headers in their order; a null value is null.</summary>
    public List<KeyValuePair<string, byte[]?>> CopyHeaders()
    {
        var found = new List<KeyValuePair<string, byte[]?>>();
        IntPtr headers;
        if (RdKafka.MessageHeaders(_message, &headers) != 0)
        {
            return found;
        }

        byte* name;
        byte* value;
        nuint bytes;
        for (nuint i = 0; RdKafka.HeaderGetAll(headers, i, &name, &value, &bytes) == 0; i++)
        {
            var copy = value is null ? null : new ReadOnlySpan<byte>(value, checked((int)bytes)).ToArray();
            found.Add(new(Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)), copy));
        }

        return found;
    }
}
