using System.CommandLine;
using System.CommandLine.Parsing;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Units;

namespace KafkaFeeder.Daemon.Commands;

/// <summary>The commands, and what --help says about them.</summary>
internal static class CommandLine
{
    public static RootCommand Build()
    {
        var configuration = new Option<string>("--config", "-c")
        {
            Description = "The daemon's configuration, conf.yaml.",
            HelpName = "FILE",
            Required = true,
            Recursive = true,
        };
        var verbose = new Option<bool>("--verbose") { Description = "Log what the Kafka client says, too.", Recursive = true };

        var root = new RootCommand(
            """
            Ships rotating log files in Apache Kafka's format to Kafka. Its checkpoint moves only after the brokers have acknowledged.

            Without a command it runs the daemon: kafkafeeder -c conf.yaml

            Exit codes: 0 success; 1 a problem, described in the message; 2 invalid command line or conf.yaml; 3 status and reload:
            no daemon answers; 4 drain: something is left to ship; 74 cannot write to standard output; 75 another daemon uses the
            checkpoint_dir.

            Signals: SIGTERM and SIGINT wait for acknowledgements (up to shipper.drain_timeout), then stop; SIGHUP and SIGUSR1
            reload every kafkafeeder.yaml; SIGUSR2 writes the state of each log to the daemon's own log.
            """);
        root.Options.OfType<VersionOption>().Single().Validators.Clear(); // beside other options it is as good
        root.Options.Add(configuration);
        root.Options.Add(verbose);
        root.SetAction(parsed => RunCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(verbose)));

        var run = new Command("run", "Run the daemon in the foreground until it is told to stop.");
        run.SetAction(parsed => RunCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(verbose)));

        var offline = new Option<bool>("--offline") { Description = "Do not connect to the brokers." };
        var check = new Command(
            "check",
            "Validate conf.yaml and every kafkafeeder.yaml below log_dir, and look up the topics on the brokers. Exit 0 if all is well, 1 "
                + "if not, 2 if conf.yaml is invalid.");
        check.Options.Add(offline);
        var show = new Option<bool>("--show") { Description = "Print every setting in force, defaults included and secrets hidden." };
        check.Options.Add(show);
        check.SetAction(
            parsed => CheckCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(offline), parsed.GetValue(show)));

        var json = new Option<bool>("--json") { Description = "Print the daemon's answer as JSON." };
        var status = new Command(
            "status",
            "Show each log of the running daemon: state, lag, possible duplicates, what to do. Exit 0 if all is well, 1 if a log needs "
                + "attention, a kafkafeeder.yaml has a fault or nobody ships some segments, 3 if no daemon answers (what the checkpoints "
                + "say is then shown).");
        status.Options.Add(json);
        status.SetAction(parsed => StatusCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(json)));

        var timeout = new Option<TimeSpan>("--timeout")
        {
            Description = "Give up after this time, for example 10s or 5m; a bare number is seconds.",
            HelpName = "DURATION",
            DefaultValueFactory = _ => TimeSpan.FromSeconds(300),
            CustomParser = Duration,
        };
        var drain = new Command(
            "drain",
            "Ship everything on disk and exit 0. If the time runs out or a signal comes first, report what is left and exit 4. The daemon "
                + "must not be running.");
        drain.Options.Add(timeout);
        drain.SetAction(
            parsed => DrainCommand.Execute(
                parsed.GetValue(configuration)!, parsed.GetValue(verbose), parsed.GetValue(timeout)));

        var health = new Command(
            "health",
            "Check that the daemon is making progress, for a container's HEALTHCHECK. Exit 0 if it is, 1 if it is not or does not answer. "
                + "Unreachable brokers do not count as unhealthy.");
        health.SetAction(parsed => HealthCommand.Execute(parsed.GetValue(configuration)!));

        var log = new Option<string?>("--log") { Description = "Only logs of this component.", HelpName = "COMPONENT" };
        var acknowledge = new Command(
            "acknowledge",
            "Mark refused, damaged or lost data as seen. Until then status exits 1, and the status page and /healthz show it. The ledger "
            + "gets an entry; the daemon may be running or not.");
        acknowledge.Options.Add(log);
        acknowledge.SetAction(parsed => AcknowledgeCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(log)));

        var reload = new Command(
            "reload",
            "Make the running daemon read every kafkafeeder.yaml again now, as SIGHUP does, and report faults. Exit 0 if there are none, 1 "
                + "if there are, 3 if no daemon answers. Changes of conf.yaml need a restart.");
        reload.SetAction(parsed => ReloadCommand.Execute(parsed.GetValue(configuration)!));

        root.Subcommands.Add(run);
        root.Subcommands.Add(check);
        root.Subcommands.Add(status);
        root.Subcommands.Add(acknowledge);
        root.Subcommands.Add(reload);
        root.Subcommands.Add(drain);
        root.Subcommands.Add(health);
        return root;
    }

    private static TimeSpan Duration(ArgumentResult result)
    {
        var text = result.Tokens[^1].Value;
        if (!DurationText.TryParse(text, TimeSpan.FromSeconds(1), out var duration) || duration < TimeSpan.Zero)
        {
            result.AddError($"--timeout is {Quote.Value(text)}; expected {DurationText.Expected}, or a number of seconds.");
        }

        return duration;
    }
}
