using System.CommandLine.Parsing;
using System.Globalization;

namespace KafkaFeeder.CommandLine;

/// <summary>Option values with a form of their own. What is wrong is said, what is right is shown.</summary>
internal static class ArgumentParsers
{
    /// <summary>10s, 500ms, 2m, 1h; a bare number is seconds. Above 0.</summary>
    public static TimeSpan Duration(ArgumentResult result)
    {
        var text = result.Tokens[^1].Value;
        if (TryParseDuration(text, out var duration))
        {
            return duration;
        }

        result.AddError($"{Name(result)} is \"{text}\"; it must be a duration above 0 such as 10s, 500ms, 2m or 1h.");
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
        if (TryParseSize(text, out var bytes) && bytes >= minimum && bytes <= maximum)
        {
            return bytes;
        }

        result.AddError($"{Name(result)} is \"{text}\"; it must be a size such as 8MiB, 500KB or 4096, from {minimum} to {maximum} bytes.");
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

    /// <summary>name=value, any number of them; a later one wins.</summary>
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

    private static bool TryParseDuration(string text, out TimeSpan duration)
    {
        duration = default;
        var digits = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        double? unit = text[digits..] switch
        {
            "ms" => 0.001,
            "" or "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => null,
        };
        if (unit is null || !double.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            || number <= 0 || number * unit.Value > TimeSpan.FromDays(20).TotalSeconds)
        {
            return false;
        }

        duration = TimeSpan.FromSeconds(number * unit.Value);
        return true;
    }

    private static bool TryParseSize(string text, out long bytes)
    {
        bytes = 0;
        var digits = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        long? unit = text[digits..].ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "KIB" => 1L << 10,
            "MIB" => 1L << 20,
            "GIB" => 1L << 30,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => null,
        };
        if (unit is null || !decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            || number > long.MaxValue / unit.Value)
        {
            return false;
        }

        bytes = (long)(number * unit.Value);
        return true;
    }

    private static string Name(ArgumentResult result) => (result.Parent as OptionResult)?.Option.Name ?? "The value";
}
