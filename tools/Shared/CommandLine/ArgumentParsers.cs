using System.CommandLine.Parsing;
using System.Globalization;
using KafkaFeeder.Units;

namespace KafkaFeeder.CommandLine;

/// <summary>Parsers of option values. A message says what is wrong and what is expected.</summary>
internal static class ArgumentParsers
{
    /// <summary>The longest that a timer can wait.</summary>
    private static readonly TimeSpan LongestDuration = TimeSpan.FromDays(20);

    /// <summary>See <see cref="DurationText"/>; a bare number is seconds. Above 0.</summary>
    public static TimeSpan Duration(ArgumentResult result)
    {
        var text = result.Tokens[^1].Value;
        if (DurationText.TryParse(text, TimeSpan.FromSeconds(1), out var duration)
            && duration > TimeSpan.Zero && duration <= LongestDuration)
        {
            return duration;
        }

        result.AddError(
            $"{Name(result)} is \"{text}\"; it must be {DurationText.Expected}, above 0 and at most "
            + $"{DurationText.Format(LongestDuration)}.");
        return default;
    }

    /// <summary>A whole number within limits (inclusive).</summary>
    public static Func<ArgumentResult, long> Number(long minimum, long maximum = long.MaxValue) => result =>
    {
        var text = result.Tokens[^1].Value;
        if (long.TryParse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= minimum)
        {
            if (number > maximum)
            {
                result.AddError($"{Name(result)} is {number}; it must be at most {maximum}.");
            }

            return number;
        }

        result.AddError($"{Name(result)} is \"{text}\"; it must be a whole number of at least {minimum}.");
        return default;
    };

    /// <summary>8MiB, 500KB or a bare number of bytes, within limits (inclusive).</summary>
    public static Func<ArgumentResult, long> Size(long minimum, long maximum) => result =>
    {
        var text = result.Tokens[^1].Value;
        if (SizeText.TryParse(text, out var bytes) && bytes >= minimum && bytes <= maximum)
        {
            return bytes;
        }

        result.AddError($"{Name(result)} is \"{text}\"; it must be {SizeText.Expected}, from {minimum} to {maximum} bytes.");
        return default;
    };

    /// <summary>One of some words.</summary>
    public static Func<ArgumentResult, T> OneOf<T>(params (string Word, T Value)[] choices) => result =>
    {
        var text = result.Tokens[^1].Value;
        foreach (var choice in choices)
        {
            if (string.Equals(choice.Word, text, StringComparison.OrdinalIgnoreCase))
            {
                return choice.Value;
            }
        }

        result.AddError($"{Name(result)} is \"{text}\"; it must be {string.Join(", ", choices.Select(choice => choice.Word))}.");
        return choices[0].Value;
    };

    /// <summary>name=value, any number of times; the last one of a name applies.</summary>
    public static KeyValuePair<string, string>[] Properties(ArgumentResult result)
    {
        var found = new List<KeyValuePair<string, string>>();
        foreach (var token in result.Tokens)
        {
            var at = token.Value.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0)
            {
                result.AddError($"{Name(result)} is \"{token.Value}\"; it must be name=value, a property of librdkafka.");
                return [];
            }

            found.Add(new(token.Value[..at], token.Value[(at + 1)..]));
        }

        return [.. found];
    }

    private static string Name(ArgumentResult result) => (result.Parent as OptionResult)?.Option.Name ?? "The value";
}
