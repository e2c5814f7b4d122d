using System.Buffers;
using KafkaLog.Format.Records;

namespace KafkaLog.Tool.Cat;

/// <summary>How a record is printed.</summary>
internal interface IRecordFormat : IDisposable
{
    /// <summary>Writes a record and what ends it.</summary>
    /// <param name="header">Its batch's.</param>
    /// <param name="record">The record.</param>
    /// <param name="offset">Its offset.</param>
    /// <param name="output">Where to.</param>
    void Write(in RecordBatchHeader header, in Record record, long offset, IBufferWriter<byte> output);
}

/// <summary>The value and a newline; perhaps the key and a tab before it. The bytes are left as they are; null is written as empty.</summary>
internal sealed class TextFormat(bool hasKey) : IRecordFormat
{
    public void Write(in RecordBatchHeader header, in Record record, long offset, IBufferWriter<byte> output)
    {
        if (hasKey)
        {
            output.Write(record.Key);
            output.Write("\t"u8);
        }

        output.Write(record.Value);
        output.Write("\n"u8);
    }

    public void Dispose()
    {
    }
}
