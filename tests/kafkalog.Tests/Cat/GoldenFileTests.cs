using System.IO.Compression;
using System.Text;
using System.Text.Json;
using KafkaFeeder.Tests;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Cat;

/// <summary>
/// Files that Kafka itself and the original library wrote, every magic and codec, against listings that Kafka's own code made of them.
/// </summary>
public sealed class GoldenFileTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "data");

    public static TheoryData<string> Files => [
        .. Directory.GetFiles(Folder, "*.jsonl.gz", SearchOption.AllDirectories).Select(
            f => Path.GetRelativePath(Folder, f[..^".jsonl.gz".Length])).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Cat_prints_what_the_listing_says_also_after_a_conversion(string file)
    {
        using var folder = new TempFolder();
        var path = Path.Combine(Folder, file);
        var expected = Listing(path + ".jsonl.gz").ToList();
        Assert.NotEmpty(expected);
        Assert.Equal(expected, Kafkalog.Run("cat", "--json", "--base64", path).Lines);

        var convert = Kafkalog.Run("convert", path, "--output", folder.File("new"), "--codec", "lz4");
        Assert.Equal((0, ""), (convert.ExitCode, convert.Errors));
        Assert.Equal(
            expected.Select(line => line
                .Replace(
                    "\"timestamp\":null,\"timestampType\":null",
                    "\"timestamp\":-1,\"timestampType\":\"CreateTime\"",
                    StringComparison.Ordinal)
                .Replace("LogAppendTime", "CreateTime", StringComparison.Ordinal)),
            Kafkalog.Run("cat", "--json", "--base64", folder.File("new")).Lines);
        Assert.Equal(0, Kafkalog.Run("verify", path, folder.File("new")).ExitCode);
    }

    /// <summary>The listing's lines as cat is to print them.</summary>
    private static IEnumerable<string> Listing(string path)
    {
        using var lines = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (lines.ReadLine() is { } line)
        {
            var record = JsonDocument.Parse(line).RootElement;
            if (record.GetProperty("isControl").GetBoolean())
            {
                continue;
            }

            var headers = record.GetProperty("headers").EnumerateArray()
                .Select(
                    header => $"[\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(header[0].GetString()!))}\",{header[1].GetRawText()}]");
            string[] members = [
                .. new[] { "offset", "timestamp", "timestampType", "key", "value" }.Select(
                    name => $"\"{name}\":{record.GetProperty(name).GetRawText()}")];
            yield return $"{{{string.Join(',', members)},\"headers\":[{string.Join(',', headers)}]}}";
        }
    }
}
