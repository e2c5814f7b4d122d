using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using KafkaFeeder.Tests;

namespace KafkaLog.Tool.Tests.Support;

/// <summary>How the program ended, and what it said.</summary>
internal sealed record Ended(int ExitCode, byte[] OutputBytes, string Errors)
{
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>The built program, running. It is killed when the test ends.</summary>
internal sealed partial class Kafkalog : IDisposable
{
    private const int Sigterm = 15;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly MemoryStream _output = new();
    private readonly StringBuilder _errors = new();
    private readonly Task _reading;

    private Kafkalog(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _reading = Task.WhenAll(Task.Run(ReadOutput), Task.Run(ReadErrors));
    }

    /// <summary>The program, built with the tests.</summary>
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "kafkalog");

    public int Id => _process.Id;

    public Stream Input => _process.StandardInput.BaseStream;

    public static Kafkalog Start(params string[] arguments) => new(new ProcessStartInfo(Path, arguments));

    /// <summary>Runs a line in a shell; $K is the program.</summary>
    public static Kafkalog Shell(string script)
    {
        var start = new ProcessStartInfo("/bin/bash", ["-c", script]);
        start.Environment["K"] = Path;
        return new(start);
    }

    /// <summary>Runs it to its end, with nothing on its standard input.</summary>
    public static Ended Run(params string[] arguments)
    {
        using var running = Start(arguments);
        running.Input.Close();
        return running.WaitForEnd();
    }

    public void SendSigterm() => Assert.Equal(0, Kill(_process.Id, Sigterm));

    /// <summary>Waits until standard error says something.</summary>
    public async Task<string> WaitForErrorAsync(string part)
    {
        await Eventually.HoldsAsync(
            () => ErrorsSoFar().Contains(part, StringComparison.Ordinal), () => $"kafkalog did not say '{part}' but: {ErrorsSoFar()}");
        return ErrorsSoFar();
    }

    /// <summary>Waits until standard output holds something.</summary>
    public Task WaitForOutputAsync(string part) => Eventually.HoldsAsync(
        () => OutputSoFar().Contains(part, StringComparison.Ordinal), () => $"kafkalog did not print '{part}' but: {OutputSoFar()}");

    public string ErrorsSoFar()
    {
        lock (_errors)
        {
            return _errors.ToString();
        }
    }

    public string OutputSoFar()
    {
        lock (_output)
        {
            return Encoding.UTF8.GetString(_output.ToArray());
        }
    }

    public Ended WaitForEnd()
    {
        Assert.True(_process.WaitForExit(Limit), $"kafkalog did not end within {Limit}; it said: {ErrorsSoFar()}");
        Assert.True(_reading.Wait(Limit));
        return new Ended(_process.ExitCode, _output.ToArray(), ErrorsSoFar());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    private void ReadOutput()
    {
        var buffer = new byte[65536];
        for (int read; (read = _process.StandardOutput.BaseStream.Read(buffer)) > 0;)
        {
            lock (_output)
            {
                _output.Write(buffer, 0, read);
            }
        }
    }

    private void ReadErrors()
    {
        while (_process.StandardError.ReadLine() is { } line)
        {
            lock (_errors)
            {
                _errors.AppendLine(line);
            }
        }
    }
}
