using System.Globalization;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Reads the first bytes of a segment, and single batch headers in it, to check whether a file is the one that was read before.
/// Reads at most one header per call.
/// </summary>
internal static class SegmentHead
{
    /// <summary>True if the CRC-32C of the first header bytes of the file is still <paramref name="head"/>.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static bool Has(string path, uint head)
    {
        using var file = SegmentHandle.OpenForReading(path);
        return Of(file) == head;
    }

    /// <summary>
    /// The head of a file that is not read yet, so that another file in its place is detected. Null unless the first batch is whole:
    /// its writer may take a half-written batch back and write another one there.
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
    /// Identifies a segment that has no identity by a checksum of its first bytes. If the first message is of an old format and
    /// shorter than a header, only that message counts. Otherwise the checksum would change when more is written after it.
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
