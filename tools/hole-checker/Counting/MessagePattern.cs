using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace HoleChecker.Counting;

/// <summary>
/// Finds numbers in messages of other programs: a regular expression with the groups <c>seq</c> (a decimal number, 1 or more)
/// and, if there are several, <c>run</c> and <c>producer</c>. Slower than <see cref="NumberedMessage"/>.
/// </summary>
public sealed class MessagePattern
{
    private static readonly TimeSpan MatchLimit = TimeSpan.FromSeconds(1);
    private readonly Regex _regex;

    /// <exception cref="ArgumentException">It is not a regular expression, or has no group <c>seq</c>.</exception>
    public MessagePattern(string pattern)
    {
        _regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, MatchLimit);
        if (!_regex.GetGroupNames().Contains("seq", StringComparer.Ordinal))
        {
            throw new ArgumentException("it has no group named seq, as in (?<seq>[0-9]+)");
        }
    }

    /// <exception cref="RegexMatchTimeoutException">The pattern takes more than a second for this value.</exception>
    public bool TryFind(ReadOnlySpan<byte> value, out NumberedMessage message)
    {
        message = default;
        var match = _regex.Match(Encoding.UTF8.GetString(value));
        if (!match.Success
            || !long.TryParse(match.Groups["seq"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            || sequence < 1)
        {
            return false;
        }

        // A group that does not exist is empty, and so is one that did not take part in the match.
        var source = $"{match.Groups["run"].Value}{Encoding.UTF8.GetString(NumberedMessage.Separator)}{match.Groups["producer"].Value}";
        message = new NumberedMessage(Encoding.UTF8.GetBytes(source), sequence);
        return true;
    }
}
