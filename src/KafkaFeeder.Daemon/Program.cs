using System.CommandLine;
using KafkaFeeder.CommandLine;
using KafkaFeeder.Daemon.Commands;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Signals;

EarlySignals.Catch(args.Contains("drain") ? ExitCode.Left : ExitCode.Ok);
CheckedOutput.Install();
try
{
    var parsed = CommandLine.Build().Parse(args);
    if (parsed.CommandResult.Command is not (RootCommand or { Name: "run" or "drain" }))
    {
        EarlySignals.Release();
    }

    var exitCode = parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    return parsed.Errors.Count > 0 ? ExitCode.Usage : exitCode; // the library says 1, which means something else here
}
catch (OutputException e)
{
    Console.Error.WriteLine($"kafkafeeder: {e.Message}");
    return ExitCode.NoOutput;
}
catch (Exception e) when (e is not OperationCanceledException)
{
    Console.Error.WriteLine(e); // a fault of the program: all that is known of it
    return ExitCode.Failed;
}
