using System.CommandLine;
using System.Reflection;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.Cat;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Converting;
using KafkaLog.Tool.Piping;
using KafkaLog.Tool.Recovering;
using KafkaLog.Tool.Stats;
using KafkaLog.Tool.Syslog;
using KafkaLog.Tool.Verifying;

const string MoreHelp = """
    Exit codes:
      0  all well
      1  done, but there is damage, or not everything was written
      2  not done: a file could not be read or written, or wrong arguments

    Examples:
      kafkalog cat --json /var/log/apps --component orders
      kafkalog verify /var/log/apps
      kafkalog cat --help
    """;

using var stop = new StopSignal();
(Command Command, string MoreHelp)[] commands =
[
    (CatCommand.Create(stop.Token), CatCommand.MoreHelp),
    (VerifyCommand.Create(stop.Token), VerifyCommand.MoreHelp),
    (StatsCommand.Create(stop.Token), StatsCommand.MoreHelp),
    (RecoverCommand.Create(stop.Token), RecoverCommand.MoreHelp),
    (ConvertCommand.Create(stop.Token), ConvertCommand.MoreHelp),
    (PipeCommand.Create(stop.Token), PipeCommand.MoreHelp),
    (SyslogCommand.Create(stop.Token), SyslogCommand.MoreHelp),
];
var root = new RootCommand(typeof(CatCommand).Assembly.GetCustomAttribute<AssemblyDescriptionAttribute>()!.Description);
var help = new Dictionary<Command, string> { [root] = MoreHelp };
foreach (var (command, more) in commands)
{
    root.Add(command);
    help[command] = more;
}

HelpWithMore.Install(root, help);
var configuration = new InvocationConfiguration { ProcessTerminationTimeout = null }; // StopSignal has the signals
return await CommandLineProgram.RunAsync("kafkalog", root, args, configuration);
