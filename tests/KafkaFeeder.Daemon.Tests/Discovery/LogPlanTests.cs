using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

/// <summary>Without a disk: /link leads to /real, and <see cref="_owners"/> says who owns a directory; by default user 1000.</summary>
public sealed class LogPlanTests
{
    private const uint Daemon = 990;
    private const uint Other = 1002;
    private readonly Dictionary<string, uint> _owners = [];
    private readonly HashSet<string> _unresolvable = [];
    private readonly HashSet<string> _unseen = [];
    private readonly List<ConfigFault> _faults = [];
    private FeederOptions _options = SomeConf.In("/logs");
    private LogPlan? _plan;

    [Fact]
    public void Each_entry_of_each_file_is_a_log()
    {
        Assert.Equal(
            ["/logs/a:orders", "/logs/a:bills", "/logs/b:orders"],
            Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka }\n  bills: { topic: t, broker: kafka "
                + "}\n"), ("/logs/b", "topics:\n  orders: { topic: t, broker: kafka }\n")));
        Assert.Empty(_faults);
    }

    [Fact]
    public void A_broken_file_keeps_its_last_good_logs_and_affects_no_other_file()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: old, broker: kafka }\n"), ("/logs/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/logs/a:orders", "/logs/b:y"], Plan(
            ("/logs/a", "topics: ["),
            ("/logs/b", "topics:\n  y: { topic: t, broker: kafka }\n")));
        Assert.NotEmpty(_faults);
    }

    [Fact]
    public void A_broken_entry_keeps_its_last_good_settings_and_affects_no_other_entry()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: old, broker: kafka }\n  bills: { topic: old, broker: kafka }\n"));
        var logs = Make(("/logs/a", "topics:\n  orders: { topic: new, broker: nowhere }\n  bills: { topic: new, broker: kafka }\n"));
        Assert.Equal([("bills", "new"), ("orders", "old")], logs.Select(l => (l.Options.Component, l.Options.Topic)).Order());
        Assert.Contains("nowhere", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_removed_entry_or_file_removes_its_logs()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka }\n  bills: { topic: t, broker: kafka "
            + "}\n"), ("/logs/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/logs/a:bills"], Plan(("/logs/a", "topics:\n  bills: { topic: t, broker: kafka }\n")));
        Assert.Equal(["/logs/a:bills"], Plan(("/logs/a", "topics: [")));
        Assert.DoesNotContain(_faults, f => f.File.Contains("/b", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_in_a_directory_that_cannot_be_read_keeps_its_logs()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka }\n"), ("/logs/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        _unseen.Add("/logs/a");
        Assert.Equal(["/logs/a:orders"], Plan());
        _unseen.Clear();
        Assert.Empty(Plan());
    }

    [Fact]
    public void Of_two_files_with_the_same_log_the_one_in_its_directory_counts()
    {
        var logs = Make(
            ("/logs", "topics:\n  orders: { topic: one, broker: kafka, directory: z }\n"),
            ("/logs/z", "topics:\n  orders: { topic: two, broker: kafka }\n"));
        Assert.Equal(["/logs/z:two"], logs.Select(l => $"{l.Directory}:{l.Options.Topic}"));
        Assert.Equal(
            "/logs/kafkafeeder.yaml:2: topics.orders names the log in /logs/z that /logs/z/kafkafeeder.yaml:2 has: the file in the log's "
                + "own directory holds, this entry does nothing.",
            Assert.Single(_faults).ToString());
    }

    [Fact]
    public void A_log_in_two_files_of_other_directories_is_not_shipped_and_both_are_reported()
    {
        Assert.Empty(Plan(("/logs", "topics:\n  orders: { topic: one, broker: kafka, directory: a/z "
            + "}\n"), ("/logs/a", "topics:\n  orders: { topic: two, broker: kafka, directory: z }\n")));
        Assert.Equal(
            [
                "/logs/a/kafkafeeder.yaml:2: topics.orders names the log in /logs/a/z that /logs/kafkafeeder.yaml:2 names, too, and "
                    + "neither file lies there: it is not shipped, and nothing of it is deleted, until one entry is removed.",
                "/logs/kafkafeeder.yaml:2: topics.orders names the log in /logs/a/z that /logs/a/kafkafeeder.yaml:2 names, too, and "
                    + "neither file lies there: it is not shipped, and nothing of it is deleted, until one entry is removed.",
            ],
            _faults.Select(f => f.ToString()));
    }

    [Fact]
    public void A_directory_outside_that_of_the_file_must_be_allowed_in_conf_yaml()
    {
        const string yaml = "topics:\n  orders: { topic: t, broker: kafka, directory: /srv/app }\n";
        Assert.Empty(Plan(("/logs/a", yaml)));
        Assert.Equal(
            "/logs/a/kafkafeeder.yaml:2: topics.orders has its segments in /srv/app, outside the directory of this file; it is not "
                + "shipped unless that directory is named under watcher.allow_directories of conf.yaml.",
            Assert.Single(_faults).ToString());

        Configure(_options with { Watcher = new WatcherOptions { AllowDirectories = ["/srv"] } });
        Assert.Equal(["/srv/app:orders"], Plan(("/logs/a", yaml)));
        Assert.Empty(_faults);
    }

    [Theory]
    [InlineData(0u, 1000u, true)] // root's file
    [InlineData(Daemon, 1000u, true)] // the daemon's own
    [InlineData(1000u, 1000u, true)]
    [InlineData(Other, 1000u, false)]
    [InlineData(Other, 0u, false)]
    public void A_file_counts_if_root_or_the_daemon_or_the_owner_of_the_directory_owns_it(uint owner, uint directoryOwner, bool counts)
    {
        _owners["/logs/a"] = directoryOwner;
        Assert.Equal(counts ? ["/logs/a:orders"] : [], Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka }\n"), owner));
        Assert.Equal(
            counts ? [] : [$"/logs/a/kafkafeeder.yaml:2: topics.orders does not count: the file belongs to user {owner}, the segments' "
                + $"directory /logs/a to user {directoryOwner}. It must belong to that user, to root or to the daemon's user."],
            _faults.Select(f => f.ToString()));
    }

    [Fact]
    public void A_subdirectory_of_another_user_does_not_count_as_ones_own()
    {
        _owners["/logs/a/theirs"] = Other;
        Assert.Empty(Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka, directory: theirs }\n"), 1000));
        Assert.Contains("to user 1002", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_state_directories_are_never_a_log()
    {
        Configure(_options with { CheckpointDir = "/logs/a/checkpoint", Watcher = new WatcherOptions { AllowDirectories = ["/"] } });
        Assert.Empty(Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka, directory: checkpoint/rejected/orders-0011 }\n"), 0));
        Assert.Contains("is never a log", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("orders-eu", "kafka", "")]
    [InlineData("bills", "kafka", "may not use topic bills: permissions of conf.yaml give /logs/a other topics.")]
    [InlineData("orders-eu", "other", "may not use broker group other: permissions of conf.yaml give /logs/a other groups.")]
    public void The_permission_for_the_closest_directory_applies(string topic, string broker, string fault)
    {
        Configure(_options with
        {
            BrokerGroups = new Dictionary<string, BrokerGroupOptions> { ["kafka"] = null!, ["other"] = null! },
            Permissions = [new("/logs", [], []), new("/logs/a", ["orders-*"], ["kafka"])],
        });
        Assert.Equal(fault.Length == 0 ? 1 : 0, Make(("/logs/a/b", $"topics:\n  orders: {{ topic: {topic}, broker: {broker} }}\n")).Count);
        Assert.Equal(fault, string.Concat(_faults.Select(f => f.Text)));
    }

    [Fact]
    public void A_path_that_cannot_be_resolved_for_a_while_keeps_its_log()
    {
        const string yaml = "topics:\n  orders: { topic: t, broker: kafka, directory: /link/x }\n";
        Configure(_options with { Watcher = new WatcherOptions { AllowDirectories = ["/real"] } });
        Assert.Equal(["/real/x:orders"], Plan(("/logs", yaml)));
        _unresolvable.Add("/link/x");
        Assert.Equal(["/real/x:orders"], Plan(("/logs", yaml)));
        Assert.Empty(_faults);
    }

    [Fact]
    public void A_path_that_was_never_resolved_is_a_fault()
    {
        _unresolvable.Add("/logs/x");
        Assert.Empty(Plan(("/logs", "topics:\n  orders: { topic: t, broker: kafka, directory: x }\n")));
        Assert.Equal("/logs/kafkafeeder.yaml:2: topics.orders has its segments in /logs/x, which does not exist: it is shipped when that "
            + "can be found.", Assert.Single(_faults).ToString());
    }

    [Fact]
    public void The_limit_of_logs_applies_to_each_user_separately()
    {
        Configure(_options with { Watcher = new WatcherOptions { MaxLogsPerOwner = 3 } });
        _owners["/logs/b"] = Other;
        static string Entries(int count) =>
            "topics:\n" + string.Concat(Enumerable.Range(0, count).Select(i => $"  c{i}: {{ topic: t, broker: kafka }}\n"));

        var logs = _plan!.Make(
            [File("/logs/a", Entries(5), 1000), File("/logs/b", Entries(2), Other), File("/logs/c", Entries(5), 0)],
            Territory.Of(_options, out _), _unseen.Contains, _faults);

        Assert.Equal([3, 2, 5], logs.GroupBy(l => l.Directory).Select(g => g.Count()));
        Assert.Equal("/logs/a/kafkafeeder.yaml: 2 entries of user 1000 are not shipped, from this file on: 3 are taken "
            + "(watcher.max_logs_per_owner of conf.yaml).", Assert.Single(_faults).ToString());
    }

    [Fact]
    public void At_the_limit_a_configured_log_stays_when_a_new_one_is_added_before_it()
    {
        Configure(_options with { Watcher = new WatcherOptions { MaxLogsPerFile = 1 } });
        Plan(("/logs", "topics:\n  orders: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/logs:orders"], Plan(("/logs", "topics:\n  first: { topic: t, broker: kafka }\n  orders: { topic: t, broker: "
            + "kafka }\n")));
    }

    [Fact]
    public void Faults_do_not_quote_a_file_that_may_not_be_shown()
    {
        var file = File("/logs/a", "topics:\n  orders: { topic: t, broker: kafka, secret: 1 }\n  x: { topic: t, broker: hidden "
            + "}\n", Other) with { MayQuote = false };
        Assert.Empty(_plan!.Make([file], Territory.Of(_options, out _), _unseen.Contains, _faults));
        Assert.Equal(
            ["/logs/a/kafkafeeder.yaml:2: has a fault. What is wrong is not shown: the file is a link to another, or not its directory's "
                + "owner's.", "/logs/a/kafkafeeder.yaml:3: has a fault. What is wrong is not shown: the file is a link to another, or "
                    + "not its directory's owner's."],
            _faults.Select(f => f.ToString()));
    }

    public LogPlanTests() => Configure(_options);

    private void Configure(FeederOptions options)
    {
        _options = options;
        _plan = new LogPlan(options, new Authority(new HashSet<uint> { 0, Daemon }, unmapped: null), Look);
    }

    private bool Look(string path, out Place place, out string reason)
    {
        var real = path.Replace("/link", "/real", StringComparison.Ordinal);
        place = new Place(real, new FileFacts { Owner = _owners.GetValueOrDefault(real, 1000u) });
        reason = _unresolvable.Contains(path) ? "does not exist" : "";
        return reason.Length == 0;
    }

    private static LogFile File(string directory, string yaml, uint owner) =>
        new(directory + "/kafkafeeder.yaml", owner, true, ConfigLoader.LoadLogsText(yaml, directory + "/kafkafeeder.yaml"));

    private IReadOnlyList<PlannedLog> Make(params (string Directory, string Yaml)[] files)
    {
        _faults.Clear();
        return _plan!.Make(files.Select(f => File(f.Directory, f.Yaml, 0)), Territory.Of(_options, out _), _unseen.Contains, _faults);
    }

    private IEnumerable<string> Plan((string Directory, string Yaml) file, uint owner)
    {
        _faults.Clear();
        return _plan!.Make([File(file.Directory, file.Yaml, owner)], Territory.Of(_options, out _), _unseen.Contains, _faults)
            .Select(l => $"{l.Directory}:{l.Options.Component}");
    }

    private IEnumerable<string> Plan(params (string Directory, string Yaml)[] files) =>
        [.. Make(files).Select(l => $"{l.Directory}:{l.Options.Component}")];
}
