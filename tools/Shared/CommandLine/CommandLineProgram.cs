using System.CommandLine;
using System.CommandLine.Invocation;

namespace KafkaFeeder.CommandLine;

/// <summary>Runs a program's command line. Each fault in it is one line; the exit code is then 2.</summary>
internal static class CommandLineProgram
{
    private const int WrongArguments = 2;
    private const int CouldNotDoIt = 2;

    /// <param name="name">The program's, before each line.</param>
    /// <param name="root">Its commands.</param>
    /// <param name="args">What the user gave.</param>
    /// <param name="configuration">How to run; null: as is usual.</param>
    public static async Task<int> RunAsync(string name, RootCommand root, string[] args, InvocationConfiguration? configuration = null)
    {
        CheckedOutput.Install();
        // No response files: an argument may begin with '@'.
        var arguments = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (arguments.Action is not ParseErrorAction) // --help needs no other option
        {
            configuration ??= new InvocationConfiguration();
            configuration.EnableDefaultExceptionHandler = false;
            try
            {
                return await arguments.InvokeAsync(configuration);
            }
            catch (OutputException e)
            {
                Console.Error.WriteLine($"{name}: {e.Message}");
                return CouldNotDoIt;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Console.Error.WriteLine(e); // a fault of the program: everything that is known about it
                return 1;
            }
        }

        foreach (var error in arguments.Errors)
        {
            Console.Error.WriteLine($"{name}: {error.Message}");
        }

        Console.Error.WriteLine(
            $"{name}: see {name} {(arguments.CommandResult.Command == root ? "" : arguments.CommandResult.Command.Name + " ")}--help.");
        return WrongArguments;
    }
}
