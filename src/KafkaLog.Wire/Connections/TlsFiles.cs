using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using KafkaLog.Wire.Security;

namespace KafkaLog.Wire.Connections;

/// <summary>
/// The certificates in the files of TLS options. They are read before each handshake, but loaded again only if the files have changed:
/// that a certificate was renewed needs no restart. Disposed of when no handshake needs them any more. Thread-safe.
/// </summary>
internal sealed class TlsFiles(TlsOptions tls) : IDisposable
{
    private readonly Lock _lock = new();
    private Certificates? _current;

    /// <summary>What the files say now. To be disposed of after the handshake.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    /// <exception cref="CryptographicException">They are no certificates, or the key does not fit.</exception>
    public Certificates Take()
    {
        var texts = Texts.Of(tls);
        lock (_lock)
        {
            if (_current is null || !_current.AreOf(texts))
            {
                var made = new Certificates(texts, tls);
                _current?.Dispose();
                _current = made;
            }

            return _current.Keep();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _current?.Dispose();
            _current = null;
        }
    }

    /// <summary>The contents of the files; null: there is no such file in the options.</summary>
    internal readonly record struct Texts(string? Ca, string? Certificate, string? Key)
    {
        public static Texts Of(TlsOptions tls) =>
            new(Read(tls.CaFile), Read(tls.CertificateFile), Read(tls.KeyFile ?? tls.CertificateFile));

        /// <summary>So that the key is not kept.</summary>
        public byte[] Hash() => SHA256.HashData(Encoding.UTF8.GetBytes($"{Ca?.Length} {Certificate?.Length}\n{Ca}\n{Certificate}\n{Key}"));

        private static string? Read(string? path) => path is null ? null : File.ReadAllText(path);
    }
}

/// <summary>Certificates that are shared: disposed of when all who kept them have done it.</summary>
internal sealed class Certificates : IDisposable
{
    private readonly byte[] _hash;
    private readonly List<X509Certificate2> _all = [];
    private readonly X509ChainPolicy? _trust;
    private int _users = 1;

    /// <exception cref="CryptographicException">They are no certificates, or the key does not fit.</exception>
    public Certificates(TlsFiles.Texts texts, TlsOptions tls)
    {
        _hash = texts.Hash();
        try
        {
            _trust = texts.Ca is { } ca ? TrustOnly(ca, tls.CaFile!) : null;
            Own = texts.Certificate is { } certificate ? OwnOf(certificate, texts.Key!, tls.KeyPassword) : null;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>This client's certificate, with its key and chain; null: it has none.</summary>
    public SslStreamCertificateContext? Own { get; }

    /// <summary>Whether they have been disposed of.</summary>
    public bool IsDisposed => Volatile.Read(ref _users) == 0;

    /// <summary>Whom to trust, for one handshake; null: those whom the system trusts.</summary>
    public X509ChainPolicy? Trust() => _trust?.Clone();

    /// <summary>Whether they were made of such files.</summary>
    public bool AreOf(TlsFiles.Texts texts) => _hash.AsSpan().SequenceEqual(texts.Hash());

    /// <summary>One more uses them: it disposes of them too.</summary>
    public Certificates Keep()
    {
        Debug.Assert(!IsDisposed, "the files' own use ends with the lock that this is called with");
        Interlocked.Increment(ref _users);
        return this;
    }

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _all.ForEach(c => c.Dispose());
        }
    }

    private X509ChainPolicy TrustOnly(string pem, string path)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true, // from addresses that an untrusted certificate names
        };
        policy.CustomTrustStore.ImportFromPem(pem);
        _all.AddRange(policy.CustomTrustStore);
        return _all.Count > 0 ? policy : throw new CryptographicException($"{path} has no certificate");
    }

    private static X509Certificate2 WithKey(string certificate, string key, string? password)
    {
        try
        {
            return password is not null
                ? X509Certificate2.CreateFromEncryptedPem(certificate, key, password)
                : X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (ArgumentException e)
        {
            throw new CryptographicException("the key does not belong to the certificate", e);
        }
    }

    private SslStreamCertificateContext OwnOf(string certificate, string key, string? password)
    {
        using var own = WithKey(certificate, key, password);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
        _all.AddRange(chain);

        // TLS does not take a key that came from PEM on every system.
        var usable = X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null);
        _all.Add(usable);
        return SslStreamCertificateContext.Create(usable, chain, offline: true);
    }
}
