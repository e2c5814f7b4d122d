using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace KafkaLog.Wire.Security;

/// <summary>
/// The client's side of one SCRAM exchange, which also proves that the server knows the password. Pure. Source: RFC 5802 and RFC 7677,
/// without channel binding; as Kafka's own client, without SASLprep: user name and password are taken as UTF-8.
/// </summary>
internal sealed class ScramClient
{
    /// <summary>More iterations are refused: they would only keep the processor busy. Kafka allows 16,384.</summary>
    public const int MaxIterations = 1_000_000;

    /// <summary>Fewer are refused, as by Kafka's own client: the password could be guessed from the proof.</summary>
    public const int MinIterations = 4096;

    private const string NoChannelBinding = "n,,";

    private readonly HashAlgorithmName _hash;
    private readonly string _password;
    private readonly string _nonce;
    private readonly string _firstBare;
    private byte[]? _serverSignature;

    /// <param name="hash">SHA-256 or SHA-512.</param>
    /// <param name="userName">The user.</param>
    /// <param name="password">The password.</param>
    /// <param name="nonce">Printable ASCII without commas, never used before.</param>
    public ScramClient(HashAlgorithmName hash, string userName, string password, string nonce)
    {
        _hash = hash;
        _password = password;
        _nonce = nonce;
        var name = userName.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal);
        _firstBare = $"n={name},r={nonce}";
    }

    /// <summary>A nonce that was never used before: 24 random bytes.</summary>
    public static string NewNonce() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(24));

    /// <summary>What the client sends first.</summary>
    public byte[] First() => Encoding.UTF8.GetBytes(NoChannelBinding + _firstBare);

    /// <summary>The client's proof, in answer to the server's challenge.</summary>
    /// <exception cref="AuthenticationException">The challenge is malformed, or asks for more work than is reasonable.</exception>
    public byte[] Final(ReadOnlySpan<byte> serverFirst)
    {
        var challenge = Encoding.UTF8.GetString(serverFirst);
        var fields = challenge.Split(',');
        if (fields.Length < 3
            || !TryField(fields[0], 'r', out var nonce)
            || !nonce.StartsWith(_nonce, StringComparison.Ordinal) || nonce.Length == _nonce.Length
            || !TryField(fields[1], 's', out var saltText) || !TryBase64(saltText, out var salt)
            || !TryField(fields[2], 'i', out var iterationsText)
            || !int.TryParse(iterationsText, NumberStyles.None, CultureInfo.InvariantCulture, out var iterations)
            || iterations is < MinIterations or > MaxIterations)
        {
            throw new AuthenticationException("the broker's SCRAM challenge is malformed");
        }

        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(_password), salt, iterations, _hash, HashBytes);
        var clientKey = Hmac(salted, "Client Key"u8);
        var withoutProof = $"c={Convert.ToBase64String(Encoding.ASCII.GetBytes(NoChannelBinding))},r={nonce}";
        var message = Encoding.UTF8.GetBytes($"{_firstBare},{challenge},{withoutProof}");
        var proof = Hmac(CryptographicOperations.HashData(_hash, clientKey), message);
        for (var i = 0; i < proof.Length; i++)
        {
            proof[i] ^= clientKey[i];
        }

        _serverSignature = Hmac(Hmac(salted, "Server Key"u8), message);
        return Encoding.UTF8.GetBytes($"{withoutProof},p={Convert.ToBase64String(proof)}");
    }

    /// <summary>Checks the server's signature.</summary>
    /// <exception cref="AuthenticationException">It is wrong: whoever answers does not know the password.</exception>
    public void Verify(ReadOnlySpan<byte> serverFinal)
    {
        var text = Encoding.UTF8.GetString(serverFinal);
        if (TryField(text, 'e', out var error))
        {
            throw new AuthenticationException($"the broker refused the user name or the password ({error})");
        }

        if (_serverSignature is null || !TryField(text.Split(',')[0], 'v', out var value) || !TryBase64(value, out var signature)
            || !CryptographicOperations.FixedTimeEquals(signature, _serverSignature))
        {
            throw new AuthenticationException("what answers as the broker does not know the password: its SCRAM signature is wrong");
        }
    }

    private int HashBytes => _hash == HashAlgorithmName.SHA256 ? SHA256.HashSizeInBytes : SHA512.HashSizeInBytes;

    private byte[] Hmac(byte[] key, ReadOnlySpan<byte> data) => CryptographicOperations.HmacData(_hash, key, data);

    private static bool TryField(string field, char name, out string value)
    {
        var isThere = field.Length >= 2 && field[0] == name && field[1] == '=';
        value = isThere ? field[2..] : "";
        return isThere;
    }

    private static bool TryBase64(string text, out byte[] bytes)
    {
        bytes = new byte[text.Length];
        var isRight = Convert.TryFromBase64String(text, bytes, out var written);
        bytes = bytes[..written];
        return isRight;
    }
}
