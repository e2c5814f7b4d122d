namespace KafkaFeeder.Daemon.Options.Values;

/// <summary>"Did you mean": the known word that a misspelt one is closest to.</summary>
internal static class NearMiss
{
    /// <summary>No key or name of ours is longer; bounds the work on a hostile word.</summary>
    private const int MaxLength = 64;

    /// <summary><c>; did you mean shipper?</c>, or the list of known words if none is close.</summary>
    public static string Hint(string word, IReadOnlyCollection<string> known) => Find(word, known) is { } near
        ? $"; did you mean {near}?"
        : $"; known here: {string.Join(", ", known.Order(StringComparer.Ordinal).Take(20))}.";

    /// <summary>Null when none is near: two edits for a word of five letters, none for a single letter.</summary>
    public static string? Find(string word, IEnumerable<string> known)
    {
        if (word.Length is 0 or > MaxLength)
        {
            return null;
        }

        var lower = word.ToLowerInvariant().Replace('-', '_');
        return known
            .Select(candidate => (candidate, distance: Distance(lower, candidate.ToLowerInvariant().Replace('-', '_'))))
            .Where(pair => pair.distance <= (pair.candidate.Length + 1) / 3)
            .OrderBy(pair => pair.distance)
            .Select(pair => pair.candidate)
            .FirstOrDefault();
    }

    /// <summary>Levenshtein's: insertions, deletions and replacements of one letter.</summary>
    private static int Distance(string from, string to)
    {
        int[] above = [.. Enumerable.Range(0, to.Length + 1)];
        for (var i = 1; i <= from.Length; i++)
        {
            var row = new int[to.Length + 1];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = above[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, 1 + Math.Min(above[j], row[j - 1]));
            }

            above = row;
        }

        return above[to.Length];
    }
}
