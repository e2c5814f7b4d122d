using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using HoleChecker.CommandLine;
using HoleChecker.Generating;
using HoleChecker.Verifying;

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
var root = new RootCommand(typeof(VerifyCommand).Assembly.GetCustomAttribute<AssemblyDescriptionAttribute>()!.Description) { verify, generate };
HelpWithMore.Install(root, new Dictionary<Command, string>
{
    [root] = MoreHelp,
    [verify] = VerifyCommand.MoreHelp,
    [generate] = GenerateCommand.MoreHelp,
});

var arguments = root.Parse(args);
if (arguments.Action is ParseErrorAction) // not so with --help, which needs no other option
{
    foreach (var error in arguments.Errors)
    {
        Console.Error.WriteLine($"hole-checker: {error.Message}");
    }

    Console.Error.WriteLine($"hole-checker: see hole-checker {(arguments.CommandResult.Command == root ? "" : arguments.CommandResult.Command.Name + " ")}--help.");
    return ExitCode.NotDone;
}

return await arguments.InvokeAsync();
