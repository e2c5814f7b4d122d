using System.Buffers;
using System.Runtime.InteropServices;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Compression;

/// <summary>Zstandard by the system's libzstd (zstd.h), magic 2 only (KIP-110).</summary>
internal sealed unsafe partial class ZstdCodec : ICompressionCodec
{
    private const int ChunkBytes = 64 * 1024;
    private const string Library = NativeCodec.Zstd;
    private const int Level = 3; // zstd's and Kafka's default

    static ZstdCodec() => NativeCodec.Prepare();

    public CompressionType Type => CompressionType.Zstd;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination)
    {
        try
        {
            var bound = checked((int)CompressBound((nuint)source.Length));
            var to = destination.GetSpan(bound);
            fixed (byte* first = source, target = to)
            {
                var written = Compress(target, (nuint)bound, first, (nuint)source.Length, Level);
                ThrowIfError(written, "compressing failed");
                destination.Advance((int)written);
            }
        }
        catch (DllNotFoundException e)
        {
            throw NativeCodec.Missing(Type, Library, "libzstd1", e);
        }
    }

    public void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        IntPtr stream;
        try
        {
            stream = CreateDStream();
        }
        catch (DllNotFoundException e)
        {
            throw NativeCodec.Missing(Type, Library, "libzstd1", e);
        }

        try
        {
            fixed (byte* first = source)
            {
                var input = new Buffer { Bytes = first, Size = (nuint)source.Length };
                var total = 0L;
                while (true)
                {
                    var chunk = destination.GetSpan(ChunkBytes);
                    fixed (byte* target = chunk)
                    {
                        var output = new Buffer { Bytes = target, Size = (nuint)chunk.Length };
                        var before = input.Position;
                        var hint = DecompressStream(stream, ref output, ref input);
                        ThrowIfError(hint, $"the block of {source.Length} bytes is damaged after {total} decompressed bytes");
                        DecompressedSize.Add(ref total, (int)output.Position, source.Length, maxBytes, Type);
                        destination.Advance((int)output.Position);
                        if (hint == 0 && input.Position == input.Size)
                        {
                            return; // the frame is over and all of it was written out, even if that fills the buffer exactly
                        }

                        if (input.Position == input.Size && output.Position < output.Size)
                        {
                            throw new CorruptBatchException($"{source.Length} bytes of Zstd end in the middle of a frame");
                        }

                        if (output.Position == 0 && input.Position == before)
                        {
                            throw new CorruptBatchException(
                                $"{source.Length} bytes of Zstd make no progress after {total} decompressed bytes");
                        }
                    }
                }
            }
        }
        finally
        {
            _ = FreeDStream(stream);
        }
    }

    private static void ThrowIfError(nuint code, string what)
    {
        if (IsError(code) != 0)
        {
            throw new CorruptBatchException($"zstd: {what}: {Marshal.PtrToStringUTF8(GetErrorName(code))}");
        }
    }

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer.</summary>
    private struct Buffer
    {
        public byte* Bytes;
        public nuint Size;
        public nuint Position;
    }

    [LibraryImport(Library, EntryPoint = "ZSTD_compressBound")]
    private static partial nuint CompressBound(nuint sourceBytes);

    [LibraryImport(Library, EntryPoint = "ZSTD_compress")]
    private static partial nuint Compress(byte* target, nuint targetBytes, byte* source, nuint sourceBytes, int level);

    [LibraryImport(Library, EntryPoint = "ZSTD_createDStream")]
    private static partial IntPtr CreateDStream();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeDStream")]
    private static partial nuint FreeDStream(IntPtr stream);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressStream")]
    private static partial nuint DecompressStream(IntPtr stream, ref Buffer output, ref Buffer input);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    private static partial uint IsError(nuint code);

    [LibraryImport(Library, EntryPoint = "ZSTD_getErrorName")]
    private static partial IntPtr GetErrorName(nuint code);
}
