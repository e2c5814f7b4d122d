using System.Diagnostics;
using System.Text;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>A program that ran to its end: how it ended and what it said.</summary>
public sealed record ProgramRun(int ExitCode, string Output, string Errors)
{
    /// <summary>Runs a program to its end; kills it, with all it started, if it takes longer than <paramref name="limit"/>.</summary>
    public static async Task<ProgramRun> RunAsync(string program, IEnumerable<string> arguments, TimeSpan limit)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            throw new TimeoutException(
                $"{program} {string.Join(' ', start.ArgumentList)} took longer than {limit}. It said:\n{await output}{await errors}");
        }

        return new ProgramRun(process.ExitCode, await output, await errors);
    }
}
