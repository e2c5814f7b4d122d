using System.Buffers;
using KafkaLog.Format.Records;
using KafkaLog.Tool.CommandLine;

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

/// <summary>The value and a newline; perhaps the key and a tab before it. Null is written as empty.</summary>
/// <param name="hasKey">Whether keys are written.</param>
/// <param name="isForTerminal">True: see <see cref="TerminalText"/>; false: the bytes are left as they are.</param>
internal sealed class TextFormat(bool hasKey, bool isForTerminal) : IRecordFormat
{
    public void Write(in RecordBatchHeader header, in Record record, long offset, IBufferWriter<byte> output)
    {
        if (hasKey)
        {
            Write(record.Key, output);
            output.Write("\t"u8);
        }

        Write(record.Value, output);
        output.Write("\n"u8);
    }

    public void Dispose()
    {
    }

    private void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        if (isForTerminal)
        {
            TerminalText.Write(bytes, output);
        }
        else
        {
            output.Write(bytes);
        }
    }
}
