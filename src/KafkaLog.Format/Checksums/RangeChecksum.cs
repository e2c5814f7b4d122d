using KafkaLog.Format.Native;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Checksums;

/// <summary>
/// CRCs of many ranges of one file, which may be long and overlap, at the cost of one pass over the file and of two blocks
/// per range: the checksum of a range follows from the checksum of everything before its start and that of everything before
/// its end (<see cref="CrcPolynomial"/>). Takes four bytes of memory per block. Not
/// thread-safe.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="start">No range begins before it.</param>
/// <param name="polynomial">The CRC's polynomial.</param>
/// <param name="append">Continues a checksum.</param>
internal sealed class RangeChecksum(SafeFileHandle file, long start, CrcPolynomial polynomial, RangeChecksum.Continuation append)
{
    /// <summary>Continues a checksum: that of the bytes that gave <paramref name="crc"/>, followed by <paramref name="bytes"/>.</summary>
    internal delegate uint Continuation(uint crc, ReadOnlySpan<byte> bytes);

    private const int BlockBytes = 16 * 1024;

    private readonly List<uint> _blocks = [0]; // the checksum of everything before each block
    private readonly byte[] _block = new byte[BlockBytes];
    private long _dataStart = -1; // bytes before it that were not read are a hole
    private uint _zeroBlockShift;
    private uint _zeroBlockChecksum;

    /// <summary>The position up to which the file was processed.</summary>
    public long ComputedTo => start + ((_blocks.Count - 1L) * BlockBytes);

    /// <summary>How many bytes were read.</summary>
    public long ReadBytes { get; private set; }

    /// <summary>A reader of CRC-32s.</summary>
    public static RangeChecksum OfCrc32(SafeFileHandle file, long start) => new(file, start, Crc32.Polynomial, Crc32.Append);

    /// <summary>A reader of CRC-32Cs.</summary>
    public static RangeChecksum OfCrc32C(SafeFileHandle file, long start) => new(file, start, Crc32C.Polynomial, Crc32C.Append);

    /// <summary>The checksum of a range; null if the file ends before it does.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public uint? Compute(long from, long to) =>
        Before(from) is { } before && Before(to) is { } whole ? whole ^ polynomial.Shift(before, to - from) : null;

    /// <summary>The checksum of everything from the start to a position.</summary>
    private uint? Before(long position)
    {
        var (block, rest) = Math.DivRem(position - start, BlockBytes);
        while (_blocks.Count <= block)
        {
            if (IsHole(ComputedTo))
            {
                _blocks.Add(polynomial.Multiply(_blocks[^1], _zeroBlockShift) ^ _zeroBlockChecksum);
                continue;
            }

            if (!TryRead(_blocks.Count - 1, BlockBytes))
            {
                return null;
            }

            _blocks.Add(append(_blocks[^1], _block));
        }

        return TryRead(block, (int)rest) ? append(_blocks[(int)block], _block.AsSpan(0, (int)rest)) : null;
    }

    /// <summary>Whether the block at a position lies in a hole: its checksum is computed without reading.</summary>
    private bool IsHole(long position)
    {
        if (position + BlockBytes > _dataStart)
        {
            _dataStart = FileHoles.NextData(file, position);
        }

        if (position + BlockBytes > _dataStart || _dataStart == long.MaxValue)
        {
            return false; // after the last data the file may end within the block
        }

        if (_zeroBlockShift == 0)
        {
            _zeroBlockShift = polynomial.PowerOfX(8 * BlockBytes);
            _zeroBlockChecksum = append(0, new byte[BlockBytes]);
        }

        return true;
    }

    private bool TryRead(long block, int bytes)
    {
        ReadBytes += bytes;
        for (var done = 0; done < bytes;)
        {
            var read = RandomAccess.Read(file, _block.AsSpan(done, bytes - done), start + (block * BlockBytes) + done);
            if (read == 0)
            {
                return false;
            }

            done += read;
        }

        return true;
    }
}
