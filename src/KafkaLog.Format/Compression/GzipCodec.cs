using System.Buffers;
using System.IO.Compression;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Compression;

/// <summary>
/// gzip, by the framework's zlib. It also reads zlib streams (RFC 1950), which the original Go library wrote, and recognizes
/// them by their first bytes.
/// </summary>
internal sealed class GzipCodec : ICompressionCodec
{
    private const int ChunkBytes = 32 * 1024;

    public CompressionType Type => CompressionType.Gzip;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination)
    {
        using var sink = new BufferWriterStream(destination);
        using var gzip = new GZipStream(sink, CompressionLevel.Fastest, leaveOpen: true);
        gzip.Write(source);
    }

    public unsafe void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        if (source.IsEmpty)
        {
            throw new CorruptBatchException("the gzip block is empty");
        }

        fixed (byte* first = source)
        {
            using var stream = new UnmanagedMemoryStream(first, source.Length);
            using Stream plain = IsZlib(source)
                ? new ZLibStream(stream, CompressionMode.Decompress)
                : new GZipStream(stream, CompressionMode.Decompress);
            var total = 0L;
            try
            {
                while (true)
                {
                    var read = plain.Read(destination.GetSpan(ChunkBytes));
                    if (read == 0)
                    {
                        return;
                    }

                    DecompressedSize.Add(ref total, read, source.Length, maxBytes, Type);
                    destination.Advance(read);
                }
            }
            catch (Exception e) when (e is InvalidDataException or IOException) // IOException: errors of zlib itself
            {
                throw new CorruptBatchException(
                    $"the gzip block of {source.Length} bytes is damaged after {total} decompressed bytes: {e.Message}", e);
            }
        }
    }

    // RFC 1950: deflate in the low four bits, the first two bytes a multiple of 31; gzip begins with 0x1f8b.
    private static bool IsZlib(ReadOnlySpan<byte> source) =>
        source.Length >= 2 && (source[0] & 0x0F) == 8 && ((source[0] << 8) | source[1]) % 31 == 0;

    /// <summary>A stream that only appends to a buffer writer.</summary>
    private sealed class BufferWriterStream(IBufferWriter<byte> destination) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException("write-only");

        public override long Position
        {
            get => throw new NotSupportedException("write-only");
            set => throw new NotSupportedException("write-only");
        }

        public override void Write(ReadOnlySpan<byte> buffer) => destination.Write(buffer);

        public override void Write(byte[] buffer, int offset, int count) => destination.Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("write-only");

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("write-only");

        public override void SetLength(long value) => throw new NotSupportedException("write-only");
    }
}
