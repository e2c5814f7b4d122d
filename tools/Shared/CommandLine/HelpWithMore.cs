using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace KafkaFeeder.CommandLine;

/// <summary>The generated help, followed by a text of the command's own.</summary>
internal sealed class HelpWithMore(HelpAction generated, IReadOnlyDictionary<Command, string> more) : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        generated.Invoke(parseResult);
        if (more.TryGetValue(parseResult.CommandResult.Command, out var text))
        {
            parseResult.InvocationConfiguration.Output.WriteLine(text);
        }

        return 0;
    }

    /// <summary>Adds the texts after the help of their commands.</summary>
    public static void Install(RootCommand root, IReadOnlyDictionary<Command, string> more)
    {
        var option = root.Options.OfType<HelpOption>().Single();
        option.Action = new HelpWithMore((HelpAction)option.Action!, more);
    }
}
