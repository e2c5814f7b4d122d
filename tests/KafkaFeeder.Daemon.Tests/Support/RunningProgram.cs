using System.Diagnostics;
using System.Text;
using KafkaFeeder.Tests;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>A program that runs beside the test: its output and its exit code.</summary>
internal sealed class RunningProgram : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly StringBuilder _said = new();
    private readonly StringBuilder _errors = new();

    /// <summary>Starts it.</summary>
    public RunningProgram(string program, params IEnumerable<string> arguments)
    {
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
                RedirectStandardInput = true,
                WorkingDirectory = "/",
            },
        };
        _process.OutputDataReceived += (_, line) => Add(_said, line.Data);
        _process.ErrorDataReceived += (_, line) => Add(_errors, line.Data);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    /// <summary>kafkafeeder, as it was built for the tests.</summary>
    public static string Kafkafeeder { get; } = Path.Combine(AppContext.BaseDirectory, "kafkafeeder");

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <summary>What it wrote to standard output.</summary>
    public string Output => Read(_said);

    /// <summary>What it wrote to standard error.</summary>
    public string Errors => Read(_errors);

    /// <summary>Runs a program to its end.</summary>
    public static (int ExitCode, string Output, string Errors) Run(string program, params IEnumerable<string> arguments)
    {
        using var run = new RunningProgram(program, arguments);
        var exitCode = run.WaitForEnd();
        return (exitCode, run.Output, run.Errors);
    }

    /// <summary>Waits for its end, and returns the exit code.</summary>
    public int WaitForEnd()
    {
        if (!_process.WaitForExit(Limit))
        {
            throw new TimeoutException($"It did not end. It said:\n{Output}{Errors}");
        }

        _process.WaitForExit(); // and for all of its output
        return _process.ExitCode;
    }

    /// <summary>Sends SIGTERM, waits for the end, and returns the exit code.</summary>
    public int Stop()
    {
        Process.Start("kill", [_process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
        return WaitForEnd();
    }

    /// <summary>Waits until a condition holds. Fails with all output of the program.</summary>
    public void Until(Func<bool> holds, string what)
    {
        var held = false;
        Eventually.Holds(() => (held = holds()) || _process.HasExited, () => $"The program said:\n{Output}{Errors}", Limit, what);
        if (!held)
        {
            throw new InvalidOperationException($"The program ended before {what}. It said:\n{Output}{Errors}");
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static void Add(StringBuilder text, string? line)
    {
        lock (text)
        {
            text.Append(line).Append(line is null ? "" : "\n");
        }
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}
