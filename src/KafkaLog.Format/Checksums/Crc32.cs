using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KafkaLog.Format.Checksums;

/// <summary>
/// CRC-32 (IEEE 802.3), the checksum of magic 0 and 1. The framework has no public one. By carry-less multiplication
/// where the processor has it (x86), by its instruction on ARM, by eight tables elsewhere. Sources: RFC 1952 section 8;
/// Intel's white paper "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction".
/// </summary>
internal static class Crc32
{
    /// <summary>x^32 + x^26 + x^23 and so on.</summary>
    internal static readonly CrcPolynomial Polynomial = new(Reflected);

    private const uint Reflected = 0xEDB88320;
    private static readonly uint[] Tables = BuildTables();

    /// <summary>The checksum of <paramref name="bytes"/>: "123456789" gives 0xcbf43926.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>Continues a checksum: that of the bytes that gave <paramref name="crc"/>, followed by <paramref name="bytes"/>.</summary>
    internal static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        if (Pclmulqdq.IsSupported && bytes.Length >= 64)
        {
            var folded = bytes.Length & ~15;
            crc = Fold(crc, bytes[..folded]);
            bytes = bytes[folded..];
        }

        return ~(System.Runtime.Intrinsics.Arm.Crc32.Arm64.IsSupported ? StepArm(crc, bytes) : Step(crc, bytes));
    }

    /// <summary>The step without hardware, eight bytes at a time.</summary>
    internal static uint Step(uint crc, ReadOnlySpan<byte> bytes)
    {
        ref var tables = ref MemoryMarshal.GetArrayDataReference(Tables);
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(bytes) ^ crc;
            crc = At(ref tables, 7, word) ^ At(ref tables, 6, word >> 8) ^ At(ref tables, 5, word >> 16) ^ At(ref tables, 4, word >> 24)
                ^ At(ref tables, 3, word >> 32) ^ At(ref tables, 2, word >> 40) ^ At(ref tables, 1, word >> 48)
                ^ At(ref tables, 0, word >> 56);
        }

        foreach (var b in bytes)
        {
            crc = At(ref tables, 0, crc ^ b) ^ (crc >> 8);
        }

        return crc;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint At(ref uint tables, int table, ulong index) => Unsafe.Add(ref tables, (table << 8) | (int)(index & 0xFF));

    private static uint StepArm(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = System.Runtime.Intrinsics.Arm.Crc32.Arm64.ComputeCrc32(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var b in bytes)
        {
            crc = System.Runtime.Intrinsics.Arm.Crc32.ComputeCrc32(crc, b);
        }

        return crc;
    }

    /// <summary>Folds whole blocks of 16 bytes, at least four of them.</summary>
    private static uint Fold(uint crc, ReadOnlySpan<byte> bytes)
    {
        // Powers of x modulo the polynomial, bit-reflected, for distances of 64, 16 and 8 bytes.
        var by64 = Vector128.Create(0x0154442BD4UL, 0x01C6E41596UL);
        var by16 = Vector128.Create(0x01751997D0UL, 0x00CCAA009EUL);
        var by8 = Vector128.Create(0x0163CD6124UL, 0UL);
        var reduction = Vector128.Create(0x01DB710641UL, 0x01F7011641UL); // the polynomial and its Barrett constant
        var low32 = Vector128.Create(0xFFFFFFFF, 0, 0xFFFFFFFF, 0).AsUInt64();

        var blocks = MemoryMarshal.Cast<byte, Vector128<ulong>>(bytes);
        var a = blocks[0] ^ Vector128.CreateScalar((ulong)crc);
        var b = blocks[1];
        var c = blocks[2];
        var d = blocks[3];
        blocks = blocks[4..];
        for (; blocks.Length >= 4; blocks = blocks[4..])
        {
            a = FoldOnto(a, by64, blocks[0]);
            b = FoldOnto(b, by64, blocks[1]);
            c = FoldOnto(c, by64, blocks[2]);
            d = FoldOnto(d, by64, blocks[3]);
        }

        a = FoldOnto(a, by16, b);
        a = FoldOnto(a, by16, c);
        a = FoldOnto(a, by16, d);
        foreach (var block in blocks)
        {
            a = FoldOnto(a, by16, block);
        }

        // 128 bits to 64, then Barrett's reduction to 32.
        a = Pclmulqdq.CarrylessMultiply(a, by16, 0x10) ^ Sse2.ShiftRightLogical128BitLane(a, 8);
        a = Pclmulqdq.CarrylessMultiply(a & low32, by8, 0x00) ^ Sse2.ShiftRightLogical128BitLane(a, 4);
        var quotient = Pclmulqdq.CarrylessMultiply(a & low32, reduction, 0x10);
        a ^= Pclmulqdq.CarrylessMultiply(quotient & low32, reduction, 0x00);
        return a.AsUInt32().GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> FoldOnto(Vector128<ulong> sum, Vector128<ulong> distance, Vector128<ulong> next) =>
        Pclmulqdq.CarrylessMultiply(sum, distance, 0x00) ^ Pclmulqdq.CarrylessMultiply(sum, distance, 0x11) ^ next;

    private static uint[] BuildTables()
    {
        var tables = new uint[8 * 256];
        for (uint i = 0; i < 256; i++)
        {
            var c = i;
            for (var bit = 0; bit < 8; bit++)
            {
                c = (c & 1) != 0 ? Reflected ^ (c >> 1) : c >> 1;
            }

            tables[i] = c;
        }

        for (var i = 256; i < tables.Length; i++)
        {
            tables[i] = (tables[i - 256] >> 8) ^ tables[tables[i - 256] & 0xFF];
        }

        return tables;
    }
}
