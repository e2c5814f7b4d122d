using System.Buffers.Binary;
using KafkaLog.Format.Records;

namespace KafkaLog.Fuzz;

/// <summary>A stretch of a file that its length field calls a batch.</summary>
internal readonly record struct Entry(int Start, int End)
{
    public int Bytes => End - Start;
}

/// <summary>The file as a list of batches, by nothing but their length fields.</summary>
internal static class Entries
{
    private const int MinBytes = 26;

    public static List<Entry> Of(ReadOnlySpan<byte> file)
    {
        var entries = new List<Entry>();
        for (var at = 0; at + MinBytes <= file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file[(at + 8)..]);
            if (length < MinBytes - 12 || length > file.Length - at - 12)
            {
                break;
            }

            entries.Add(new Entry(at, at + 12 + length));
            at += 12 + length;
        }

        return entries;
    }

    /// <summary>Where the records begin, or the value of a wrapper; -1 if that cannot be said.</summary>
    public static int ContentOf(ReadOnlySpan<byte> batch)
    {
        var magic = batch[16];
        if (magic >= 2)
        {
            return magic == 2 && batch.Length > RecordBatchHeader.Bytes ? RecordBatchHeader.Bytes : -1;
        }

        var at = magic == 0 ? 18 : 26;
        if (at + 8 > batch.Length)
        {
            return -1;
        }

        var keyBytes = Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(batch[at..]));
        return keyBytes < batch.Length - at - 8 ? at + 8 + keyBytes : -1;
    }

    /// <summary>Makes the checksums of all batches right, so that what is in them gets behind the check.</summary>
    public static void FixChecksums(Span<byte> file)
    {
        foreach (var entry in Of(file))
        {
            FixChecksum(file[entry.Start..entry.End]);
        }
    }

    public static void FixChecksum(Span<byte> batch)
    {
        if (batch[16] > 2 || (batch[16] == 2 && batch.Length < RecordBatchHeader.Bytes))
        {
            return;
        }

        BinaryPrimitives.WriteUInt32BigEndian(batch[(batch[16] == 2 ? 17 : 12)..], RecordBatchHeader.ComputeCrc(batch));
    }
}
