using System.Runtime.CompilerServices;
using Xunit;

namespace KafkaFeeder.Tests;

/// <summary>Checks that the first C# sample of a README is code that a test compiles and runs.</summary>
internal static class ReadmeSample
{
    private const string Place = "var directory = "; // a test has its own directory

    /// <summary>Fails if a line of the sample is missing in the file of the caller, or the lines are in another order.</summary>
    public static void AssertIsIn(string readmePath, [CallerFilePath] string source = "")
    {
        var code = Lines(File.ReadLines(source));
        var sample = Lines(File.ReadLines(readmePath).SkipWhile(line => line != "```csharp").Skip(1).TakeWhile(line => line != "```"));
        Assert.InRange(sample.Count, 3, 25);
        var at = code.IndexOf(sample[0]);
        Assert.True(at >= 0, $"{readmePath}: '{sample[0]}' is not in {source}");
        Assert.Equal(sample, code.Skip(at).Take(sample.Count));
    }

    private static List<string> Lines(IEnumerable<string> lines) => [
        .. lines.Select(line => line.Trim()).Where(
            line => line.Length > 0 && !line.StartsWith(Place, StringComparison.Ordinal)
                && !(line.StartsWith("using ", StringComparison.Ordinal) && line.EndsWith(';')
                    && !line.Contains('=', StringComparison.Ordinal)))];
}
