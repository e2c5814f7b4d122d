using System.CommandLine;
using System.Reflection;
using HoleChecker.Generating;
using HoleChecker.Verifying;
using KafkaFeeder.CommandLine;

const string MoreHelp = """
    Exit codes:
      0  verify: no holes; generate: everything was written
      1  verify: holes, or fewer messages than expected; generate: not everything was written
      2  could not do it: brokers, topic, arguments

    Examples:
      hole-checker generate --dir /var/log/apps/orders --component orders --count 1000000
      hole-checker verify --bootstrap-server localhost:9092 --topic orders --expect 1000000
      hole-checker verify --help
    """;

var verify = VerifyCommand.Create();
var generate = GenerateCommand.Create();
var root =
    new RootCommand(typeof(VerifyCommand).Assembly.GetCustomAttribute<AssemblyDescriptionAttribute>()!.Description) { verify, generate };
HelpWithMore.Install(root, new Dictionary<Command, string>
{
    [root] = MoreHelp,
    [verify] = VerifyCommand.MoreHelp,
    [generate] = GenerateCommand.MoreHelp,
});

return await CommandLineProgram.RunAsync("hole-checker", root, args);
