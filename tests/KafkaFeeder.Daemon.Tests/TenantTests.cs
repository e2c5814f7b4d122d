using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests;

/// <summary>
/// Three real users on one host: the daemon's, and two applications that do not trust each other, an attacker and a victim.
/// Each log's directory is its application's, mode 2770, of the daemon's group, as README has it. Needs root.
/// </summary>
[Trait("lane", "slow")]
public sealed class TenantTests : IDisposable
{
    private const int Daemon = 64_990;
    private const int Victim = 64_991;
    private const int Attacker = 64_992;
    private const string VictimsEntry = "topics: { orders: { topic: orders, broker: kafka } }\n";

    private readonly TempFolder _folder = new();
    private readonly MockBrokers _brokers;
    private RunningProgram? _daemon;

    public TenantTests()
    {
        Assert.SkipUnless(FileCalls.EffectiveUser() == 0, "only root can be three users");
        _brokers = new MockBrokers();
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)Convert.ToInt32("755", 8));
        Sh(0, $"install -d -m 0755 logs; install -d -o {Daemon} -m 0700 state; install -d -o {Victim} -g {Daemon} -m 2770 logs/victim; "
            + $"install -d -o {Attacker} -g {Daemon} -m 2770 logs/attacker");

        // A copy of the program that every user can run: the working copy may be private.
        Sh(0, $"cp -r '{AppContext.BaseDirectory.TrimEnd('/')}' program; chmod -R a+rX program");
        Configure();
    }

    public void Dispose()
    {
        _daemon?.Dispose();
        _brokers?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_directory_setting_cannot_name_the_log_of_another_user()
    {
        var segment = VictimsSegment();
        Sh(Attacker, $"echo 'topics: {{ orders: {{ topic: stolen, broker: kafka, directory: {_folder.File("logs/victim")}, retention: "
            + $"1ms }} }}' > logs/attacker/kafkafeeder.yaml");
        Start();
        UntilFault("outside the directory of this file");
        Assert.Empty(Logs());

        // Not even where conf.yaml allows the directory.
        _daemon!.Stop();
        Configure($"watcher: {{ interval: 1, allow_directories: [{_folder.File("logs")}] }}");
        Start();
        UntilFault($"the file belongs to user {Attacker}, the segments' directory {_folder.File("logs/victim")} to user {Victim}");
        Assert.Empty(Logs());

        // The victim's own file counts, and its log is shipped to the topic that it names.
        Sh(Victim, $"printf '{VictimsEntry}' > logs/victim/kafkafeeder.yaml");
        _daemon!.Until(() => Logs() is [{ Topic: "orders", Shipped: 10 }], "the victim's log is shipped to its topic");
        Rounds(3);
        Assert.True(File.Exists(segment));
    }

    [Fact]
    public void An_entry_that_was_there_first_does_not_take_the_log_of_another_user()
    {
        VictimsSegment();
        Sh(Victim, $"printf '{VictimsEntry}' > logs/victim/kafkafeeder.yaml");
        Sh(0, "mkdir -p logs/a; chown root logs/a");
        Sh(0, $"echo 'topics: {{ orders: {{ topic: elsewhere, broker: kafka, directory: {_folder.File("logs/victim")}, retention: 1ms }} "
            + $"}}' > logs/a/kafkafeeder.yaml");
        Configure($"watcher: {{ interval: 1, allow_directories: [{_folder.File("logs")}] }}");
        Start();
        _daemon!.Until(() => Logs() is [{ Topic: "orders", Shipped: 10 }], "the log goes to where the file in its own directory says");
        UntilFault("the file in the log's own directory holds, this entry does nothing");
        Assert.Equal([("orders", 10L)], Logs());
    }

    [Theory]
    [InlineData("/shadow")]
    [InlineData("/logs/victim/secret.yaml")]
    [InlineData("/logs/victim/kafkafeeder.yaml")]
    [InlineData("/conf.yaml")]
    public void A_link_to_an_unreadable_file_shows_nothing_of_its_content(string target)
    {
        Sh(0, "echo 'root:$y$top-secret:20000' > shadow; echo 'top-secret: 1' | tee logs/victim/secret.yaml logs/victim/kafkafeeder.yaml "
            + "> /dev/null; echo '# top-secret' >> conf.yaml");
        Sh(0, $"chown {Daemon} shadow; chmod 0600 shadow; chown {Victim}:{Daemon} logs/victim/*; chmod 0640 logs/victim/*; chown "
            + $"{Daemon} conf.yaml; chmod 0600 conf.yaml");
        Sh(Attacker, $"ln -s {_folder.Path + target} logs/attacker/kafkafeeder.yaml");
        Start();
        UntilFault("logs/attacker/kafkafeeder.yaml: ", "logs/attacker/kafkafeeder.yaml:1: ");
        Rounds(2);
        var about =
            string.Join('\n', (Status() + _daemon!.Errors).Split('\n').Where(l => l.Contains("attacker", StringComparison.Ordinal)));
        Assert.NotEqual("", about);
        Assert.DoesNotContain("secret", about.Replace(_folder.Path, "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("log_dir is not", about, StringComparison.Ordinal);
    }

    [Fact]
    public void The_state_of_the_daemon_cannot_be_shipped_as_a_log()
    {
        var rejected = _folder.File("state/checkpoint/rejected/orders-0011223344556677");
        Sh(Daemon, $"mkdir -p {rejected}");
        Sh(0, $"cp {SomeLog.Segment(_folder.File("logs"))} {rejected}/; rm logs/*.szn; chown -R {Daemon} state");
        Sh(Attacker, $"echo 'topics: {{ orders: {{ topic: stolen, broker: kafka, directory: {rejected}, retention: 1ms }} }}' > "
            + $"logs/attacker/kafkafeeder.yaml; ln -s {rejected} logs/attacker/link");
        Configure("watcher: { interval: 1, allow_directories: [/] }");
        Start();
        UntilFault("what lies in checkpoint_dir and journal_dir is never a log");
        Rounds(2);
        Assert.Empty(Logs());
        Assert.Single(Directory.GetFiles(rejected));
    }

    [Fact]
    public void The_cleaner_deletes_nothing_through_a_link_that_replaces_a_directory()
    {
        var victims = VictimsSegment();
        Sh(Victim, $"printf '{VictimsEntry}' > logs/victim/kafkafeeder.yaml");
        Sh(Attacker, "mkdir -m 2770 logs/attacker/a; echo 'topics: { orders: { topic: mine, broker: kafka, retention: 5s } }' > "
            + "logs/attacker/a/kafkafeeder.yaml");

        // A copy of the victim's segment, of the same name: shipped, and soon due for deletion. Then its directory is a link at times.
        Sh(0, $"cp {victims} logs/attacker/a/; chown -R {Attacker}:{Daemon} logs/attacker/a");
        Configure("watcher: { interval: 1h }\ncleaner: { interval: 100ms }");
        Start();
        _daemon!.Until(() => Logs().Count(l => l.Shipped == 10) == 2, "both logs are shipped");
        SwapFor(TimeSpan.FromSeconds(7));
        Rounds(2);
        Assert.True(File.Exists(victims));
        Assert.DoesNotContain("Deleted ", _daemon.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Twenty_thousand_entries_of_one_user_do_not_affect_other_users()
    {
        VictimsSegment();
        Sh(Victim, $"printf '{VictimsEntry}' > logs/victim/kafkafeeder.yaml");
        Start();
        _daemon!.Until(() => Logs() is [{ Shipped: 10 }], "the victim's log is shipped");
        Sh(Attacker, """
            for d in $(seq 20); do
                mkdir logs/attacker/$d
                { echo topics:; seq -f '  c%g: { topic: t, broker: kafka }' 1000; } > logs/attacker/$d/kafkafeeder.yaml
            done
            """);
        UntilFault("are not shipped, from this file on: 50 are taken (watcher.max_logs_per_owner of conf.yaml)");
        Rounds(3);

        Assert.Equal(51, Logs().Count);
        Assert.DoesNotContain("is no longer configured", _daemon.Errors, StringComparison.Ordinal);
        Assert.InRange(_daemon.Errors.Split('\n').Length, 1, 500);
        Assert.InRange(Directory.GetFiles($"/proc/{_daemon.Id}/fd").Length, 1, 500);
    }

    [Fact]
    public void A_log_whose_directory_cannot_be_listed_for_a_while_is_kept()
    {
        VictimsSegment();
        Sh(Victim, $"printf '{VictimsEntry}' > logs/victim/kafkafeeder.yaml");
        Start();
        _daemon!.Until(() => Logs() is [{ Shipped: 10 }], "the victim's log is shipped");
        Sh(0, "chmod 0700 logs/victim");
        UntilFault("the directory cannot be read");
        Assert.Single(Logs());
        Sh(0, "chmod 2770 logs/victim");
        Rounds(2);
        Assert.DoesNotContain("is no longer configured", _daemon.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void ESC_in_a_directory_name_never_reaches_the_terminal()
    {
        Sh(Attacker, "d=$(printf 'logs/attacker/x\\033[2J\\nforged'); mkdir \"$d\"; echo 'topics: { c: { topic: t, broker: kafka }, d: { "
            + "} }' > \"$d/kafkafeeder.yaml\"");
        Start();
        UntilFault("forged");
        Rounds(1);
        Assert.DoesNotContain('\u001b', _daemon!.Errors + Kafkafeeder("status").Output + Kafkafeeder("check", "--offline").Errors);
        Assert.All(_daemon.Errors.Split('\n'), line => Assert.DoesNotMatch("^forged", line));
    }

    /// <summary>Replaces the attacker's directory by a link to the victim's, and back, again and again. In the end it is the
    /// link.</summary>
    private void SwapFor(TimeSpan time)
    {
        var a = _folder.File("logs/attacker/a");
        var away = _folder.File("logs/attacker/away");
        var segment = Path.Combine(away, Path.GetFileName(Directory.GetFiles(a, "*.szn").Single()));
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < time;)
        {
            Directory.Move(a, away);
            File.SetLastWriteTimeUtc(segment, DateTime.UtcNow); // the attacker's own segment is never due for deletion
            File.CreateSymbolicLink(a, _folder.File("logs/victim"));
            File.Delete(a);
            Directory.Move(away, a);
        }

        Directory.Move(a, away);
        File.CreateSymbolicLink(a, _folder.File("logs/victim"));
    }

    /// <summary>Waits long enough for this many rounds of searching and cleaning.</summary>
    private void Rounds(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var before = Stopwatch.GetTimestamp();
            _daemon!.Until(() => Stopwatch.GetElapsedTime(before) > TimeSpan.FromMilliseconds(1_100), "a second goes by");
        }
    }

    private void UntilFault(params string[] parts) => _daemon!.Until(
        () => parts.Any(p => Status().Contains(JsonEncodedText.Encode(p).Value, StringComparison.Ordinal)),
        $"a fault says: {string.Join(" or ", parts)}");

    private string Status() => Kafkafeeder("status", "--json").Output;

    private List<(string Topic, long Shipped)> Logs()
    {
        using var json = JsonDocument.Parse(Status());
        return !json.RootElement.TryGetProperty("logs", out var logs) ? []
            : [.. logs.EnumerateArray().Select(l => (l.GetProperty("topic").GetString()!, l.GetProperty("shippedRecords").GetInt64()))];
    }

    private void Start()
    {
        _daemon = new RunningProgram("setpriv", As(Daemon, [_folder.File("program/kafkafeeder"), "-c", _folder.File("conf.yaml")]));
        _daemon.Until(() => Kafkafeeder("health").ExitCode == 0, "the daemon is up");
    }

    private (int ExitCode, string Output, string Errors) Kafkafeeder(params string[] arguments) =>
        RunningProgram.Run("setpriv", As(Daemon, [_folder.File("program/kafkafeeder"), .. arguments, "-c", _folder.File("conf.yaml")]));

    private string VictimsSegment()
    {
        var path = SomeLog.Segment(_folder.File("logs/victim"));
        Sh(0, $"chown {Victim}:{Daemon} '{path}'; chmod 0640 '{path}'; touch -d '2 days ago' '{path}'");
        return path;
    }

    private void Configure(string more = "watcher: { interval: 1, max_logs_per_owner: 50 }") => _folder.Write("conf.yaml", $$"""
        log_dir: {{_folder.File("logs")}}
        checkpoint_dir: {{_folder.File("state/checkpoint")}}
        journal_dir: {{_folder.File("state/journal")}}
        kafka_brokers: { kafka: ["{{_brokers.Address}}"] }
        status: { listen: off }
        {{(more.Contains("cleaner", StringComparison.Ordinal) ? "" : "cleaner: { interval: 1 }")}}
        {{more}}

        """);

    private void Sh(int user, string script)
    {
        var (exitCode, output, errors) = RunningProgram.Run("setpriv", As(user, ["sh", "-ec", $"cd '{_folder.Path}'; {script}"]));
        Assert.True(exitCode == 0, $"{script}\n{output}{errors}");
    }

    private static IEnumerable<string> As(int user, IEnumerable<string> command)
    {
        var id = user.ToString(CultureInfo.InvariantCulture);
        return ["--reuid", id, "--regid", id, "--clear-groups", .. command];
    }
}
