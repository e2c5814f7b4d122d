using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace KafkaLog.Format.Tests.Package;

/// <summary>docs/FILE_FORMAT.md and the source files that it says must match it.</summary>
public sealed partial class FileFormatDocumentTests
{
    [Fact]
    public void The_source_files_that_must_match_the_tables_are_there()
    {
        var root = Root();
        var named =
            SourceFile().Matches(File.ReadAllText(Path.Combine(root, "docs", "FILE_FORMAT.md"))).Select(match => match.Value).ToList();
        Assert.True(named.Count >= 10);
        Assert.All(named, file => Assert.True(File.Exists(Path.Combine(root, file)), file));
    }

    private static string Root([CallerFilePath] string source = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, "../../.."));

    [GeneratedRegex(@"src/[\w./]+\.cs")]
    private static partial Regex SourceFile();
}
