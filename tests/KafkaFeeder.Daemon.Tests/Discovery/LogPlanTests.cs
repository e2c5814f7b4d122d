using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

/// <summary>Without a disk: /link leads to /real, and directories belong to whom <see cref="_owners"/> says, or to user 1000.</summary>
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
    public void A_file_that_breaks_keeps_its_last_good_logs_and_no_other_file_notices()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: old, broker: kafka }\n"), ("/logs/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/logs/a:orders", "/logs/b:y"], Plan(
            ("/logs/a", "topics: ["),
            ("/logs/b", "topics:\n  y: { topic: t, broker: kafka }\n")));
        Assert.NotEmpty(_faults);
    }

    [Fact]
    public void An_entry_that_breaks_keeps_its_last_good_settings_and_its_neighbour_gets_the_new_ones()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: old, broker: kafka }\n  bills: { topic: old, broker: kafka }\n"));
        var logs = Make(("/logs/a", "topics:\n  orders: { topic: new, broker: nowhere }\n  bills: { topic: new, broker: kafka }\n"));
        Assert.Equal([("bills", "new"), ("orders", "old")], logs.Select(l => (l.Options.Component, l.Options.Topic)).Order());
        Assert.Contains("nowhere", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_or_a_file_that_is_removed_is_gone()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka }\n  bills: { topic: t, broker: kafka "
            + "}\n"), ("/logs/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/logs/a:bills"], Plan(("/logs/a", "topics:\n  bills: { topic: t, broker: kafka }\n")));
        Assert.Equal(["/logs/a:bills"], Plan(("/logs/a", "topics: [")));
        Assert.DoesNotContain(_faults, f => f.File.Contains("/b", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_in_a_directory_that_cannot_be_looked_at_now_is_not_removed()
    {
        Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka }\n"), ("/logs/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        _unseen.Add("/logs/a");
        Assert.Equal(["/logs/a:orders"], Plan());
        _unseen.Clear();
        Assert.Empty(Plan());
    }

    [Fact]
    public void A_log_that_two_files_name_belongs_to_the_one_in_its_own_directory()
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
    public void A_log_that_two_files_elsewhere_name_is_shipped_by_neither_and_both_are_named()
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
    public void A_directory_outside_that_of_the_file_needs_a_word_of_conf_yaml()
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
    public void A_file_counts_if_it_is_roots_the_daemons_or_the_directorys_owners(uint owner, uint directoryOwner, bool counts)
    {
        _owners["/logs/a"] = directoryOwner;
        Assert.Equal(counts ? ["/logs/a:orders"] : [], Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka }\n"), owner));
        Assert.Equal(
            counts ? [] : [$"/logs/a/kafkafeeder.yaml:2: topics.orders does not count: the file belongs to user {owner}, the segments' "
                + $"directory /logs/a to user {directoryOwner}. It must belong to that user, to root or to the daemon's user."],
            _faults.Select(f => f.ToString()));
    }

    [Fact]
    public void A_directory_below_ones_own_that_is_somebody_elses_is_not_ones_own()
    {
        _owners["/logs/a/theirs"] = Other;
        Assert.Empty(Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka, directory: theirs }\n"), 1000));
        Assert.Contains("to user 1002", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void State_is_never_a_log()
    {
        Configure(_options with { CheckpointDir = "/logs/a/checkpoint", Watcher = new WatcherOptions { AllowDirectories = ["/"] } });
        Assert.Empty(Plan(("/logs/a", "topics:\n  orders: { topic: t, broker: kafka, directory: checkpoint/rejected/orders-0011 }\n"), 0));
        Assert.Contains("is never a log", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("orders-eu", "kafka", "")]
    [InlineData("bills", "kafka", "may not use topic bills: permissions of conf.yaml give /logs/a other topics.")]
    [InlineData("orders-eu", "other", "may not use broker group other: permissions of conf.yaml give /logs/a other groups.")]
    public void The_closest_permission_of_conf_yaml_holds(string topic, string broker, string fault)
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
    public void A_path_that_cannot_be_resolved_for_one_search_leaves_the_log_where_it_was()
    {
        const string yaml = "topics:\n  orders: { topic: t, broker: kafka, directory: /link/x }\n";
        Configure(_options with { Watcher = new WatcherOptions { AllowDirectories = ["/real"] } });
        Assert.Equal(["/real/x:orders"], Plan(("/logs", yaml)));
        _unresolvable.Add("/link/x");
        Assert.Equal(["/real/x:orders"], Plan(("/logs", yaml)));
        Assert.Empty(_faults);
    }

    [Fact]
    public void A_path_that_was_never_resolved_is_not_guessed()
    {
        _unresolvable.Add("/logs/x");
        Assert.Empty(Plan(("/logs", "topics:\n  orders: { topic: t, broker: kafka, directory: x }\n")));
        Assert.Equal("/logs/kafkafeeder.yaml:2: topics.orders has its segments in /logs/x, which does not exist: it is shipped when that "
            + "can be found.", Assert.Single(_faults).ToString());
    }

    [Fact]
    public void One_user_has_no_more_logs_than_the_limit_and_takes_none_of_anothers()
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
    public void A_log_that_ships_is_not_pushed_out_by_a_new_one_before_it()
    {
        Configure(_options with { Watcher = new WatcherOptions { MaxLogsPerFile = 1 } });
        Plan(("/logs", "topics:\n  orders: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/logs:orders"], Plan(("/logs", "topics:\n  first: { topic: t, broker: kafka }\n  orders: { topic: t, broker: "
            + "kafka }\n")));
    }

    [Fact]
    public void Nothing_is_quoted_of_a_file_that_may_be_another()
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
