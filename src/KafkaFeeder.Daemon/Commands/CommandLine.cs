using System.CommandLine;
using System.CommandLine.Parsing;
using KafkaFeeder.Daemon.Options.Values;

namespace KafkaFeeder.Daemon.Commands;

/// <summary>The commands and what --help teaches of them.</summary>
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
            Ships rotating log files in Apache Kafka's format to Kafka, and loses nothing.

            Without a command it runs the daemon: kafkafeeder -c conf.yaml

            Exit codes: 0 all well; 1 something is wrong, as the message says; 2 wrong command line or conf.yaml;
            3 status: no daemon answers; 4 drain: something is left to ship; 74 standard output cannot be written; 75 another
            daemon uses the state directory.

            Signals: SIGTERM and SIGINT wait for acknowledgements (shipper.drain_timeout) and stop; SIGHUP and SIGUSR1
            read every kafkafeeder.yaml anew; SIGUSR2 writes the state of each log to the log.
            """);
        root.Options.OfType<VersionOption>().Single().Validators.Clear(); // beside other options it is as good
        root.Options.Add(configuration);
        root.Options.Add(verbose);
        root.SetAction(parsed => RunCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(verbose)));

        var run = new Command("run", "Run the daemon in the foreground until it is told to stop.");
        run.SetAction(parsed => RunCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(verbose)));

        var offline = new Option<bool>("--offline") { Description = "Do not ask the brokers." };
        var check = new Command(
            "check",
            "Validate conf.yaml and every kafkafeeder.yaml below log_dir, and ask the brokers for the topics. Exit 0 if all is well, 1 "
                + "if not, 2 if conf.yaml is wrong.");
        check.Options.Add(offline);
        check.SetAction(parsed => CheckCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(offline)));

        var json = new Option<bool>("--json") { Description = "Print the daemon's answer as JSON." };
        var status = new Command(
            "status",
            "Show every log of the running daemon: state, lag, what may be doubled, what to do. Exit 0 if all is well, 1 if a log is "
                + "in trouble, 3 if no daemon answers (then what the checkpoints say is shown).");
        status.Options.Add(json);
        status.SetAction(parsed => StatusCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(json)));

        var timeout = new Option<TimeSpan>("--timeout")
        {
            Description = "Give up after so long, as 10s or 5m; a bare number is seconds.",
            HelpName = "DURATION",
            DefaultValueFactory = _ => TimeSpan.FromSeconds(300),
            CustomParser = Duration,
        };
        var drain = new Command(
            "drain",
            "Ship all there is and exit 0; or exit 4 and say what is left, when the time is over or a signal comes. The daemon must "
                + "not run.");
        drain.Options.Add(timeout);
        drain.SetAction(
            parsed => DrainCommand.Execute(
                parsed.GetValue(configuration)!, parsed.GetValue(verbose), parsed.GetValue(timeout)));

        var health = new Command(
            "health",
            "Ask the running daemon whether its loops come round, as a container's HEALTHCHECK does. Exit 0 if so, 1 if not or if no "
                + "daemon answers. Brokers that are away are no ill health.");
        health.SetAction(parsed => HealthCommand.Execute(parsed.GetValue(configuration)!));

        var log = new Option<string?>("--log") { Description = "Only of the logs of this component.", HelpName = "COMPONENT" };
        var acknowledge = new Command(
            "acknowledge",
            "Say that somebody has looked at what was refused, damaged or lost: status, its page and health count it as open until "
            + "then. It becomes an entry of the ledger; the daemon may run or not.");
        acknowledge.Options.Add(log);
        acknowledge.SetAction(parsed => AcknowledgeCommand.Execute(parsed.GetValue(configuration)!, parsed.GetValue(log)));

        root.Subcommands.Add(run);
        root.Subcommands.Add(check);
        root.Subcommands.Add(status);
        root.Subcommands.Add(acknowledge);
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
