using System.Diagnostics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Options;

public class HostileFileTests
{
    [Theory]
    [InlineData("\uFEFFtopics: {}\r\n")]
    [InlineData("%YAML 1.1\n---\ntopics: {}\n...\n")]
    public void Byte_order_marks_foreign_newlines_and_document_markers_are_accepted(string text) => Assert.Empty(Load.Logs(text).Faults);

    [Theory]
    [InlineData(
        "topics:\n  a: &x { topic: t, broker: b }\n", "kafkafeeder.yaml:2: anchors (&name) are not supported; write the value out.")]
    [InlineData("topics:\n  a: *x\n", "kafkafeeder.yaml:2: aliases (*name) are not supported; write the value out.")]
    [InlineData("topics: !!map {}\n", "kafkafeeder.yaml:1: tags (!name) are not supported; remove it.")]
    [InlineData("topics: !Foo\n  a: b\n", "kafkafeeder.yaml:1: tags (!name) are not supported; remove it.")]
    [InlineData("topics: {}\n---\ntopics: {}\n", "kafkafeeder.yaml:2: a second document begins here; expected one document per file.")]
    [InlineData("topics: {}\n? [a]\n: b\n", "kafkafeeder.yaml:2: a key must be a single word, not a list or a map.")]
    [InlineData(
        "topics:\n\ta: b\n",
        "kafkafeeder.yaml:1: not valid YAML (noticed on line 2): While scanning a mapping, found invalid tab as indentation.")]
    [InlineData("topics: {}\nx\0y", "kafkafeeder.yaml:2: the file has the control character 0x00; is it damaged, or not a text file?")]
    [InlineData("- a\n- b\n", "kafkafeeder.yaml:1: the file is a list; expected a map of settings (key: value).")]
    public void Unsupported_YAML_is_a_fault_with_its_line(string text, string message)
    {
        var parsed = Load.Logs(text);

        Assert.False(parsed.FileReadable);
        Assert.Equal(message, Load.Shortened(parsed.Faults)[0]);
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    [InlineData("? ")]
    public void A_depth_bomb_is_refused_at_once(string level)
    {
        var bomb = string.Concat(Enumerable.Repeat(level, 100_000));
        var started = Stopwatch.GetTimestamp();

        var message = Assert.Single(Load.Faults(bomb));

        Assert.Contains("nested deeper than 16 levels", message);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void An_alias_bomb_is_refused_at_its_first_anchor()
    {
        var bomb = new StringBuilder("a0: &a0 [x, x]\n");
        for (var i = 1; i < 40; i++)
        {
            bomb.Append($"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n");
        }

        Assert.Equal(["conf.yaml:1: anchors (&name) are not supported; write the value out."], Load.Faults(bomb.ToString()));
    }

    [Fact]
    public void A_huge_file_is_refused_by_its_size_without_being_read()
    {
        using var folder = new TempFolder();
        var path = folder.Write("kafkafeeder.yaml", "");
        using (var sparse = File.OpenWrite(path))
        {
            sparse.SetLength(100_000_000);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();

        var parsed = ConfigLoader.LoadLogs(path);

        Assert.Equal($"{path}: is larger than 64KiB, which no such file needs.", Assert.Single(parsed.Faults).ToString());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/dev/null")]
    [InlineData("/dev")]
    public void A_device_or_a_directory_is_a_fault(string path) =>
        Assert.False(string.IsNullOrEmpty(Assert.Single(ConfigLoader.LoadLogs(path).Faults).Text));

    [Fact]
    public void A_pipe_does_not_block_the_reader()
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "kafkafeeder.yaml");
        using (var mkfifo = Process.Start("mkfifo", path))
        {
            mkfifo.WaitForExit();
        }

        Assert.Equal(
            $"{path}: is a pipe or a device; expected a regular file.", Assert.Single(ConfigLoader.LoadLogs(path).Faults).ToString());
    }

    [Fact]
    public void Bytes_that_are_not_UTF_8_are_a_fault()
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "kafkafeeder.yaml");
        File.WriteAllBytes(path, Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("topics: {}")).ToArray());

        Assert.Equal($"{path}: is not UTF-8 text.", Assert.Single(ConfigLoader.LoadLogs(path).Faults).ToString());
    }

    [Fact]
    public void A_hundred_faults_are_listed_and_no_more()
    {
        var text = Load.Mandatory + string.Concat(Enumerable.Range(0, 50_000).Select(i => $"k{i}: 1\n"));

        var faults = Load.Faults(text);

        Assert.Equal(101, faults.Length);
        Assert.EndsWith("there are more faults; only the first 100 are listed.", faults[^1]);
    }

    [Fact]
    public void A_name_that_forges_a_log_line_is_shown_escaped() => Assert.Contains(
        "kafkafeeder.yaml:2: topics.a\\u000a\\u001b[31mfaked is not a name for a component; expected 1 to 200 of the characters a-z A-Z "
            + "0-9 . _ - (and not . or .. alone).",
        Load.Shortened(Load.Logs("topics:\n  \"a\\n\\e[31mfaked\": { topic: t, broker: b }").Faults));

    [Fact]
    public void A_directory_that_forges_a_log_line_is_shown_escaped() => Assert.Equal(
        "/logs/a\\u000afaked/kafkafeeder.yaml: the file is empty.",
        Assert.Single(ConfigLoader.LoadLogsText("", "/logs/a\nfaked/kafkafeeder.yaml").Faults).ToString());

    [Fact]
    public void Every_beginning_of_a_good_file_is_read_or_refused_and_never_throws()
    {
        const string text = """
            topics:
              app: { topic: "t", broker: 'kafka', retention: 24h }
              other:
                topic: |
                  folded
                broker: kafka
            """;
        for (var length = 0; length <= text.Length; length++)
        {
            var parsed = Load.Logs(text[..length]);
            Assert.True(parsed.Logs.Count > 0 || parsed.Faults.Count > 0, $"nothing said about the first {length} characters");
        }
    }

    [Fact]
    public void Random_text_never_throws_and_is_read_or_has_a_fault()
    {
        string[] words =
        [
            "topics:", "topic:", "broker: b", "kafka_brokers:", "log_dir: /l", "hekad:", "properties:", "brokers:", "shipper:", "a", "1h",
                "-1", "${env:", "${file:", "}",
            "\n", "\n  ", "\n    ", "\r\n", "\t", " ", ": ", "- ", "? ", ", ", "[", "]", "{", "}", "\"", "'", "\\", "\\x", "\\U00110000",
                "\\uD800", "&a", "*a", "!t", "!!", "!<", ">",
            "|", "|9", "%", "%YAML 1.3", "%TAG", "---", "...", "#", "@", "`", "~", "null", "<<", "\uFEFF", "\u2028", "\u0085", "\0",
                "\ud800", "😀",
        ];
        var word = Gen.Frequency((8, Gen.Elements(words)), (1, ArbMap.Default.GeneratorFor<char>().Select(c => c.ToString())));
        var texts = word.ListOf().Select(string.Concat).ToArbitrary();

        Prop.ForAll(texts, text =>
        {
            var faults = new List<ConfigFault>();
            Assert.Equal(ConfigLoader.LoadText(text, "conf.yaml", faults) is null, faults.Count > 0);
            Assert.All([text, "topics:\n  a:\n    " + text], t =>
            {
                var parsed = Load.Logs(t);
                Assert.True(parsed.FileReadable || parsed.Faults.Count > 0);
            });
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3_000));
    }
}
