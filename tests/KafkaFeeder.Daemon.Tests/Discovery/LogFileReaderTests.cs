using System.Diagnostics;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

/// <summary>On a real file system, as the user who runs the tests.</summary>
public sealed class LogFileReaderTests : IDisposable
{
    private const string Secret = "root:$y$hash:20000\nmore: secret\n";
    private readonly TempFolder _folder = new();
    private readonly FeederOptions _conf;
    private readonly LogFileReader _reader;

    public LogFileReaderTests()
    {
        Directory.CreateDirectory(_folder.File("logs/a"));
        _conf = SomeConf.In(_folder.File("logs"));
        _reader = new LogFileReader(Authority.Of(_conf));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_ordinary_file_is_read_and_its_faults_are_quoted()
    {
        var file = Read("logs/a/kafkafeeder.yaml", "topics:\n  orders: { topic: t, broker: kafka, colour: red }\n");
        Assert.Contains("colour is not a setting", Shown(file), StringComparison.Ordinal);
        Assert.Equal(FileCalls.EffectiveUser(), file.Owner);
    }

    [Theory]
    [InlineData("secret", "is a link to nothing, or out of log_dir")] // outside
    [InlineData("logs/b/secret.yaml", "What is wrong is not shown")] // within log_dir, but another file
    [InlineData("logs/b/kafkafeeder.yaml", "What is wrong is not shown")] // somebody else's
    [InlineData("nowhere", "is a link to nothing, or out of log_dir")]
    public void Faults_do_not_quote_a_file_behind_a_link(string target, string message)
    {
        if (target != "nowhere")
        {
            _folder.Write(target, Secret);
        }

        File.CreateSymbolicLink(_folder.File("logs/a/kafkafeeder.yaml"), _folder.File(target));

        var shown = Shown(Read("logs/a/kafkafeeder.yaml"));

        Assert.Contains(message, shown, StringComparison.Ordinal);
        Assert.DoesNotContain("root", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", shown.Replace(_folder.Path, "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Faults_do_not_quote_a_file_with_a_second_name()
    {
        using (var ln = Process.Start("ln", [_folder.Write("logs/b/secret", Secret), _folder.File("logs/a/kafkafeeder.yaml")]))
        {
            ln.WaitForExit();
        }

        Assert.DoesNotContain("secret", Shown(Read("logs/a/kafkafeeder.yaml")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_links_of_a_ConfigMap_work_and_its_faults_are_quoted()
    {
        _folder.Write("logs/a/..v1/kafkafeeder.yaml", "topics:\n  orders: { topic: t, broker: kafka, colour: red }\n");
        Directory.CreateSymbolicLink(_folder.File("logs/a/..data"), "..v1");
        File.CreateSymbolicLink(_folder.File("logs/a/kafkafeeder.yaml"), "..data/kafkafeeder.yaml");

        Assert.Contains("colour is not a setting", Shown(Read("logs/a/kafkafeeder.yaml")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pipe_neither_blocks_nor_is_read()
    {
        using (var mkfifo = Process.Start("mkfifo", _folder.File("logs/a/kafkafeeder.yaml")))
        {
            mkfifo.WaitForExit();
        }

        Assert.Contains("is a directory, a pipe or a device; expected a regular "
            + "file.", Shown(Read("logs/a/kafkafeeder.yaml")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_a_wrong_owner_is_reported_with_the_right_owners()
    {
        Assert.SkipUnless(FileCalls.EffectiveUser() == 0, "only root can give a file away");
        var path = _folder.Write("logs/a/kafkafeeder.yaml", "topics:\n  orders: { topic: t, broker: kafka, colour: red }\n");
        RunningProgram.Run("chown", "1234", path);
        RunningProgram.Run("chown", "5678", _folder.File("logs/a"));
        var shown = Shown(Read("logs/a/kafkafeeder.yaml"));
        Assert.Contains(
            "the file belongs to user 1234, its directory to user 5678. It must belong to that user, to root or to the daemon's user.",
            shown,
            StringComparison.Ordinal);
        Assert.DoesNotContain("colour", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_named_kafkafeeder_yaml_is_a_fault()
    {
        Directory.CreateDirectory(_folder.File("logs/a/kafkafeeder.yaml"));
        var found = new LogFinder(_conf, Authority.Of(_conf), new ScanLimits()).Find(() => { });
        Assert.Contains("is a directory, a pipe or a device", Assert.Single(found.Faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_file_of_the_same_time_and_length_is_read_again()
    {
        var before = Read("logs/a/kafkafeeder.yaml", "topics: { orders: { topic: t1, broker: kafka } }");
        var time = File.GetLastWriteTimeUtc(_folder.File("logs/a/kafkafeeder.yaml"));
        _folder.Write("logs/a/kafkafeeder.yaml", "topics: { orders: { topic: t2, broker: kafka } }");
        File.SetLastWriteTimeUtc(_folder.File("logs/a/kafkafeeder.yaml"), time);

        Assert.Equal(("t1", "t2"), (before.Parsed.Logs[0].Topic, Read("logs/a/kafkafeeder.yaml").Parsed.Logs[0].Topic));
    }

    [Fact]
    public void A_path_with_a_link_in_it_is_not_opened()
    {
        _folder.Write("logs/b/file", "x");
        Directory.CreateSymbolicLink(_folder.File("logs/link"), _folder.File("logs/b"));

        Assert.True(RealFile.TryOpen(_folder.File("logs/b/file"), out var file, out _));
        file!.Dispose();
        Assert.False(RealFile.TryOpen(_folder.File("logs/link/file"), out _, out var errno));
        Assert.Equal(FileCalls.TooManyLinks, errno);
    }

    private LogFile Read(string name, string? content = null)
    {
        if (content is not null)
        {
            _folder.Write(name, content);
        }

        return Assert.Single(_reader.Read([_folder.File(name)], Territory.Of(_conf, out _)));
    }

    private static string Shown(LogFile file) => string.Join('\n', file.Parsed.Faults.Select(file.Shown));
}
