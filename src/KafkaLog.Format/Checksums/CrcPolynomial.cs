namespace KafkaLog.Format.Checksums;

/// <summary>
/// Arithmetic with checksums as polynomials over GF(2), modulo the CRC's polynomial: crc(AB) = crc(A) · x^(8·|B|) + crc(B). Thread-safe.
/// </summary>
/// <param name="reflected">The CRC's polynomial, reflected.</param>
internal sealed class CrcPolynomial(uint reflected)
{
    private const uint One = 1u << 31; // x^0: the polynomials are bit-reflected

    private readonly uint[] _squares = Squares(reflected);

    /// <summary>What a checksum adds to that of all, when so many bytes follow.</summary>
    public uint Shift(uint crc, long bytes) => Multiply(crc, PowerOfX(8 * (ulong)bytes));

    /// <summary>The power of x.</summary>
    public uint PowerOfX(ulong exponent)
    {
        var power = One;
        for (var i = 0; exponent != 0; i++, exponent >>= 1)
        {
            if ((exponent & 1) != 0)
            {
                power = Multiply(power, _squares[i]);
            }
        }

        return power;
    }

    /// <summary>The product of two polynomials.</summary>
    public uint Multiply(uint a, uint b) => Multiply(a, b, reflected);

    private static uint Multiply(uint a, uint b, uint polynomial)
    {
        uint product = 0;
        for (var bit = One; bit != 0; bit >>= 1)
        {
            product ^= (a & bit) != 0 ? b : 0;
            b = (b & 1) != 0 ? (b >> 1) ^ polynomial : b >> 1;
        }

        return product;
    }

    /// <summary>x, x^2, x^4 and so on.</summary>
    private static uint[] Squares(uint polynomial)
    {
        var squares = new uint[64];
        squares[0] = One >> 1;
        for (var i = 1; i < squares.Length; i++)
        {
            squares[i] = Multiply(squares[i - 1], squares[i - 1], polynomial);
        }

        return squares;
    }
}
