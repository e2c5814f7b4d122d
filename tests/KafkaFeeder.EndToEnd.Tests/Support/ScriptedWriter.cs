using System.Diagnostics;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>A process that writes a log as it is told (tests/scripted-writer), perhaps run by another program.</summary>
internal sealed class ScriptedWriter : IDisposable
{
    public const string Component = "c";
    private static readonly string Program = TestRun.ProgramPath("tests/scripted-writer", "scripted-writer");
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly CancellationTokenSource _timeout = new(Limit);

    private ScriptedWriter(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts it.</summary>
    /// <param name="directory">Where it writes.</param>
    /// <param name="maxSegmentBytes">When a segment is full.</param>
    /// <param name="isMapped">Whether it writes through a mapping.</param>
    /// <param name="by">A program and its arguments, to run it by.</param>
    /// <param name="environment">What is set for it.</param>
    public static ScriptedWriter Start(
        string directory,
        long maxSegmentBytes = 1L << 30,
        bool isMapped = false,
        string[]? by = null,
        Dictionary<string, string>? environment = null)
    {
        string[] own = [Program, directory, Component, maxSegmentBytes.ToString(System.Globalization.CultureInfo.InvariantCulture),
            .. isMapped ? ["mapped"] : Array.Empty<string>()];
        string[] all = [.. by ?? [], .. own];
        var start = new ProcessStartInfo(all[0], all[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? [])
        {
            start.Environment[name] = value;
        }

        return new ScriptedWriter(Process.Start(start)!);
    }

    /// <summary>Gives a command and returns the answer.</summary>
    public async Task<string> TellAsync(string command)
    {
        await _process.StandardInput.WriteLineAsync(command);
        await _process.StandardInput.FlushAsync(_timeout.Token);
        var answer = await _process.StandardOutput.ReadLineAsync(_timeout.Token);
        if (answer is null)
        {
            var errors = await _errors;
            Assert.SkipWhen(errors.Contains("PTRACE", StringComparison.Ordinal), $"strace may not trace here: {errors.Trim()}");
            Assert.Fail($"It ended at '{command}': {errors}");
        }

        return answer;
    }

    /// <summary>Closes the log and ends it; returns what it said on standard error.</summary>
    public async Task<string> EndAsync()
    {
        Assert.Equal("ok", await TellAsync("close"));
        _process.StandardInput.Close();
        await _process.WaitForExitAsync(_timeout.Token);
        var errors = await _errors;
        Assert.True(_process.ExitCode == 0, $"exit code {_process.ExitCode}: {errors}");
        return errors;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
        _timeout.Dispose();
    }
}
