using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

public sealed class LogPlanTests
{
    private readonly LogPlan _plan = new(new HashSet<string> { "kafka" }, path => path.Replace("/link", "/real", StringComparison.Ordinal));
    private readonly List<ConfigFault> _faults = [];

    [Fact]
    public void Each_entry_of_each_file_is_a_log()
    {
        Assert.Equal(["/a:orders", "/a:bills", "/b:orders"], Plan(("/a", "topics:\n  orders: { topic: t, broker: kafka }\n  bills: { topic: t, broker: kafka }\n"), ("/b", "topics:\n  orders: { topic: t, broker: kafka }\n")));
        Assert.Empty(_faults);
    }

    [Fact]
    public void A_file_that_breaks_keeps_its_last_good_logs_and_no_other_file_notices()
    {
        Plan(("/a", "topics:\n  orders: { topic: old, broker: kafka }\n"), ("/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/a:orders", "/b:y"], Plan(("/a", "topics: ["), ("/b", "topics:\n  y: { topic: t, broker: kafka }\n")));
        Assert.NotEmpty(_faults);
    }

    [Fact]
    public void An_entry_that_breaks_keeps_its_last_good_settings_and_its_neighbour_gets_the_new_ones()
    {
        Plan(("/a", "topics:\n  orders: { topic: old, broker: kafka }\n  bills: { topic: old, broker: kafka }\n"));
        var logs = Make(("/a", "topics:\n  orders: { topic: new, broker: nowhere }\n  bills: { topic: new, broker: kafka }\n"));
        Assert.Equal([("bills", "new"), ("orders", "old")], logs.Select(l => (l.Options.Component, l.Options.Topic)).Order());
        Assert.Contains("nowhere", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_or_a_file_that_is_removed_is_gone()
    {
        Plan(("/a", "topics:\n  orders: { topic: t, broker: kafka }\n  bills: { topic: t, broker: kafka }\n"), ("/b", "topics:\n  x: { topic: t, broker: kafka }\n"));
        Assert.Equal(["/a:bills"], Plan(("/a", "topics:\n  bills: { topic: t, broker: kafka }\n")));
        Assert.Equal(["/a:bills"], Plan(("/a", "topics: [")));
        Assert.DoesNotContain(_faults, f => f.File.Contains("/b", StringComparison.Ordinal));
    }

    [Fact]
    public void A_log_that_two_files_name_belongs_to_the_first_and_the_second_is_told()
    {
        Assert.Equal(["/real:orders"], Plan(("/link", "topics:\n  orders: { topic: one, broker: kafka }\n"), ("/real", "topics:\n  orders: { topic: two, broker: kafka }\n")));
        Assert.Contains("/link/kafkafeeder.yaml:2 has already", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    private IReadOnlyList<PlannedLog> Make(params (string Directory, string Yaml)[] files)
    {
        _faults.Clear();
        return _plan.Make(files.Select(f => (f.Directory + "/kafkafeeder.yaml", ConfigLoader.LoadLogsText(f.Yaml, f.Directory + "/kafkafeeder.yaml"))), _faults);
    }

    private IEnumerable<string> Plan(params (string Directory, string Yaml)[] files) => Make(files).Select(l => $"{l.Directory}:{l.Options.Component}");
}
