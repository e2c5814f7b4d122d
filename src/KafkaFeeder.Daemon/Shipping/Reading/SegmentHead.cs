using System.Globalization;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// What a segment begins with, and single batch headers in it: shows whether a file is the one that was read before. Reads at most
/// one header a call.
/// </summary>
internal static class SegmentHead
{
    /// <summary>True if the file of its name still begins as it did.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static bool Has(string path, uint head)
    {
        using var file = SegmentHandle.OpenForReading(path);
        return Of(file) == head;
    }

    /// <summary>
    /// What a file begins with of which nothing was read, so that another one in its place is known. Null unless that is of a
    /// batch which is whole: what is half written may be taken back, and another batch be written there.
    /// </summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static uint? OfUnread(SafeFileHandle file, long bytes) =>
        HeaderAt(file, 0) is { } first && first.TotalBytes >= RecordBatchHeader.Bytes && first.TotalBytes <= bytes ? Of(file) : null;

    public static uint? Of(SafeFileHandle file)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        return RandomAccess.Read(file, head, 0) == head.Length ? Crc32C.Compute(head) : null;
    }

    /// <summary>
    /// What names a segment without an identity: what it begins with. Of a message of an old format that is shorter no more than
    /// itself, or the name would be another one when more is written behind it.
    /// </summary>
    private static uint? FrontOf(SafeFileHandle file)
    {
        Span<byte> front = stackalloc byte[RecordBatchHeader.Bytes];
        var read = RandomAccess.Read(file, front, 0);
        var isShort = RecordBatchHeader.TryRead(front[..read], out var header)
            && header.TotalBytes is > RecordBatchHeader.LogOverhead and < RecordBatchHeader.Bytes;
        var bytes = isShort ? (int)header.TotalBytes : RecordBatchHeader.Bytes;
        return read >= bytes ? Crc32C.Compute(front[..bytes]) : null;
    }

    public static string IdentityOf(SafeFileHandle file) =>
        SegmentReader.ReadSegmentId(file) is { } id ? id.ToString("x16", CultureInfo.InvariantCulture)
        : FrontOf(file) is { } front ? "head-" + front.ToString("x8", CultureInfo.InvariantCulture)
        : "";

    public static RecordBatchHeader? HeaderAt(SafeFileHandle file, long position)
    {
        Span<byte> bytes = stackalloc byte[RecordBatchHeader.Bytes];
        return RecordBatchHeader.TryRead(bytes[..RandomAccess.Read(file, bytes, position)], out var header) ? header : null;
    }
}
