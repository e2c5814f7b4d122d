using System.Diagnostics.CodeAnalysis;
using System.Text;
using KafkaFeeder.Daemon.Options.Values;

namespace KafkaFeeder.Daemon.Options;

/// <summary>
/// Fills <c>${file:/path}</c>, <c>${env:NAME}</c> and <c>${credential:NAME}</c> (systemd's LoadCredential=) into a property's
/// value; <c>$${</c> stands for a literal <c>${</c>. Messages name the file, the variable or the credential, never its
/// content.
/// </summary>
/// <param name="baseDirectory">The directory that relative paths start from.</param>
/// <param name="environment">The value of a variable, or null.</param>
internal sealed class SecretResolver(string baseDirectory, Func<string, string?> environment)
{
    /// <summary>A certificate chain in PEM has some 10 KiB.</summary>
    private const int MaxFileBytes = 64 << 10;

    /// <param name="text">The value as it is written in the file.</param>
    /// <param name="value">The value with the secrets in it.</param>
    /// <param name="isSecret">Whether any part came from a file or the environment.</param>
    /// <param name="fault">Why it cannot be filled in, as the rest of a sentence.</param>
    public bool TryResolve(string text, out string value, out bool isSecret, [NotNullWhen(false)] out string? fault)
    {
        fault = null;
        var filled = new StringBuilder();
        (value, isSecret) = ("", false);
        var position = 0;
        while (text.IndexOf("${", position, StringComparison.Ordinal) is >= 0 and int start)
        {
            if (start > position && text[start - 1] == '$')
            {
                filled.Append(text, position, start - 1 - position).Append("${");
                position = start + 2;
                continue;
            }

            var end = text.IndexOf('}', start);
            var reference = end < 0 ? text[start..] : text[start..(end + 1)];
            if (!TryFetch(reference, out var secret, out fault))
            {
                return false;
            }

            filled.Append(text, position, start - position).Append(secret);
            isSecret = true;
            position = end + 1;
        }

        value = filled.Append(text, position, text.Length - position).ToString();
        return true;
    }

    private bool TryFetch(string reference, out string secret, [NotNullWhen(false)] out string? fault)
    {
        if (reference.StartsWith("${file:", StringComparison.Ordinal) && reference.Length > 8 && reference[^1] == '}')
        {
            var path = Path.Combine(baseDirectory, reference[7..^1]);
            fault = TryFetchFile(path, out secret, out var why) ? null : $"refers to the file {Quote.Value(path)}: {why}.";
            return fault is null;
        }

        if (reference.StartsWith("${credential:", StringComparison.Ordinal) && reference.Length > 14 && reference[^1] == '}')
        {
            return TryFetchCredential(reference[13..^1], out secret, out fault);
        }

        if (reference.StartsWith("${env:", StringComparison.Ordinal) && reference.Length > 7 && reference[^1] == '}')
        {
            var name = reference[6..^1];
            secret = WithoutLastNewline(environment(name) ?? "");
            fault = secret.Length > 0 ? null : $"refers to the environment variable {Quote.Value(name)}, which is not set.";
            return fault is null;
        }

        secret = "";
        fault = "has a ${ that is not one of ${file:/path}, ${env:NAME} and ${credential:NAME}; for a literal ${ write $${.";
        return false;
    }

    /// <summary>Reads a credential that systemd loaded, from the directory that it made for this.</summary>
    private bool TryFetchCredential(string name, out string secret, [NotNullWhen(false)] out string? fault)
    {
        secret = "";
        if (!NameRule.IsValid(name))
        {
            fault = $"refers to the credential {Quote.Value(name)}: that is not a name for a credential.";
            return false;
        }

        var unit = $"the unit needs LoadCredential={name}:/path/of/the/secret";
        if (environment("CREDENTIALS_DIRECTORY") is not { Length: > 0 } directory)
        {
            fault = $"refers to the credential {Quote.Value(name)}, and CREDENTIALS_DIRECTORY is not set: {unit}, and systemd must start "
                + "the daemon.";
            return false;
        }

        var path = Path.Combine(directory, name);
        fault = TryFetchFile(path, out secret, out var why) ? null
            : $"refers to the credential {Quote.Value(name)}: {Quote.Value(path)} {why}; {unit}.";
        return fault is null;
    }

    private static bool TryFetchFile(string path, out string secret, [NotNullWhen(false)] out string? fault)
    {
        var isRead = BoundedFile.TryReadText(path, MaxFileBytes, out var content, out fault);
        secret = WithoutLastNewline(content);
        if (isRead && secret.Length == 0)
        {
            fault = "is empty";
        }

        return fault is null;
    }

    /// <summary>Editors and <c>echo</c> end a file with a newline that is not part of the secret.</summary>
    private static string WithoutLastNewline(string text) =>
        text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
}
