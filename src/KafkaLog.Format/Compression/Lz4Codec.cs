using System.Buffers;
using System.Runtime.InteropServices;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Compression;

/// <summary>
/// Which checksum of the frame's header is written and accepted. Kafka up to 0.9 computed it over the magic number too, and
/// reads nothing else (KAFKA-3160).
/// </summary>
internal enum Lz4HeaderChecksum
{
    /// <summary>Magic 2: the right one is written, and only that is accepted.</summary>
    Right,

    /// <summary>Magic 1: the right one is written, both are accepted.</summary>
    RightOrKafka3160,

    /// <summary>Magic 0: the wrong one is written, both are accepted.</summary>
    Kafka3160,
}

/// <summary>
/// LZ4 frames by the system's liblz4 (lz4frame.h). Written with independent blocks of 64 KiB, which Kafka's Java reader
/// requires (<c>Lz4BlockOutputStream</c>).
/// </summary>
internal sealed unsafe partial class Lz4Codec(Lz4HeaderChecksum checksum) : ICompressionCodec
{
    private const int ChunkBytes = 64 * 1024;
    private const string Library = NativeCodec.Lz4;
    private const uint Version = 100; // LZ4F_VERSION
    private const int MagicBytes = 4;
    private const int Max64KiB = 4; // LZ4F_max64KB
    private const int Independent = 1; // LZ4F_blockIndependent

    static Lz4Codec() => NativeCodec.Prepare();

    public CompressionType Type => CompressionType.Lz4;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination)
    {
        try
        {
            var preferences = new Preferences { BlockSize = Max64KiB, BlockMode = Independent };
            var bound = checked((int)CompressFrameBound((nuint)source.Length, ref preferences));
            var to = destination.GetSpan(bound);
            fixed (byte* first = source, target = to)
            {
                var written = CompressFrame(target, (nuint)bound, first, (nuint)source.Length, ref preferences);
                ThrowIfError(written, "compressing failed");
                if (checksum == Lz4HeaderChecksum.Kafka3160 && ChecksumPosition(to) is { } at)
                {
                    to[at] = HeaderChecksum(to[..at]);
                }

                destination.Advance((int)written);
            }
        }
        catch (DllNotFoundException e)
        {
            throw NativeCodec.Missing(Type, Library, "liblz4-1", e);
        }
    }

    public void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        IntPtr context;
        try
        {
            ThrowIfError(CreateDecompressionContext(out context, Version), "no context");
        }
        catch (DllNotFoundException e)
        {
            throw NativeCodec.Missing(Type, Library, "liblz4-1", e);
        }

        try
        {
            var total = 0L;
            var rest = source;
            if (checksum != Lz4HeaderChecksum.Right && ChecksumPosition(source) is { } at && source[at] == HeaderChecksum(source[..at]))
            {
                // The frame of an old Kafka: pass the header alone, with the checksum that the library expects.
                Span<byte> header = stackalloc byte[at + 1];
                source[..at].CopyTo(header);
                header[at] = HeaderChecksum(header[MagicBytes..at]);
                var (written, read) = ((nuint)0, (nuint)header.Length);
                fixed (byte* first = header)
                {
                    ThrowIfError(Decompress(context, null, ref written, first, ref read, IntPtr.Zero), "the frame's header is damaged");
                }

                rest = rest[(int)read..];
            }

            while (true)
            {
                var chunk = destination.GetSpan(ChunkBytes);
                var written = (nuint)chunk.Length;
                var read = (nuint)rest.Length;
                nuint hint;
                fixed (byte* first = rest, target = chunk)
                {
                    hint = Decompress(context, target, ref written, first, ref read, IntPtr.Zero);
                }

                ThrowIfError(hint, $"the block of {source.Length} bytes is damaged after {total} decompressed bytes");
                DecompressedSize.Add(ref total, (int)written, source.Length, maxBytes, Type);
                destination.Advance((int)written);
                rest = rest[(int)read..];
                if (hint == 0)
                {
                    if (!rest.IsEmpty)
                    {
                        throw new CorruptBatchException($"{rest.Length} bytes follow the frame of Lz4");
                    }

                    return;
                }

                if (read == 0 && written == 0)
                {
                    throw new CorruptBatchException($"{source.Length} bytes of Lz4 end in the middle of a frame");
                }
            }
        }
        finally
        {
            _ = FreeDecompressionContext(context);
        }
    }

    // The frame format's description: magic, FLG, BD, content size (FLG bit 3), dictionary id (FLG bit 0), then the checksum.
    private static int? ChecksumPosition(ReadOnlySpan<byte> frame)
    {
        if (frame.Length <= MagicBytes)
        {
            return null;
        }

        var at = MagicBytes + 2 + ((frame[MagicBytes] & 0x08) != 0 ? sizeof(ulong) : 0)
            + ((frame[MagicBytes] & 0x01) != 0 ? sizeof(uint) : 0);
        return at < frame.Length ? at : null;
    }

    private static byte HeaderChecksum(ReadOnlySpan<byte> bytes) => (byte)(XxHash32.Compute(bytes) >> 8);

    private static void ThrowIfError(nuint code, string what)
    {
        if (IsError(code) != 0)
        {
            throw new CorruptBatchException($"lz4: {what}: {Marshal.PtrToStringUTF8(GetErrorName(code))}");
        }
    }

    /// <summary>LZ4F_preferences_t, with its LZ4F_frameInfo_t in front.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Preferences
    {
        public int BlockSize;
        public int BlockMode;
        public int ContentChecksum;
        public int FrameType;
        public ulong ContentBytes;
        public uint DictionaryId;
        public int BlockChecksum;
        public int Level;
        public uint AutoFlush;
        public uint FavorDecompressionSpeed;
        public uint Reserved0;
        public uint Reserved1;
        public uint Reserved2;
    }

    [LibraryImport(Library, EntryPoint = "LZ4F_compressFrameBound")]
    private static partial nuint CompressFrameBound(nuint sourceBytes, ref Preferences preferences);

    [LibraryImport(Library, EntryPoint = "LZ4F_compressFrame")]
    private static partial nuint CompressFrame(
        byte* target, nuint targetBytes, byte* source, nuint sourceBytes, ref Preferences preferences);

    [LibraryImport(Library, EntryPoint = "LZ4F_createDecompressionContext")]
    private static partial nuint CreateDecompressionContext(out IntPtr context, uint version);

    [LibraryImport(Library, EntryPoint = "LZ4F_freeDecompressionContext")]
    private static partial nuint FreeDecompressionContext(IntPtr context);

    [LibraryImport(Library, EntryPoint = "LZ4F_decompress")]
    private static partial nuint Decompress(
        IntPtr context, byte* target, ref nuint targetBytes, byte* source, ref nuint sourceBytes, IntPtr options);

    [LibraryImport(Library, EntryPoint = "LZ4F_isError")]
    private static partial uint IsError(nuint code);

    [LibraryImport(Library, EntryPoint = "LZ4F_getErrorName")]
    private static partial IntPtr GetErrorName(nuint code);
}
