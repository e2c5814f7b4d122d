using System.Diagnostics;
using System.Text;

namespace KafkaLog.Tool.Tests.Support;

/// <summary>An installed program that a test uses; killed, by its id, when the test ends.</summary>
internal sealed class SystemProgram : IDisposable
{
    private static readonly string[] Folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

    private readonly Process _process;
    private readonly StringBuilder _errors = new();

    private SystemProgram(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
    }

    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>Skips the test, with a reason, if the program is not installed.</summary>
    public static void Needs(string program) => Assert.SkipWhen(PathOf(program) is null, $"{program} is not installed");

    public static SystemProgram Start(string program, params string[] arguments) =>
        new(Process.Start(new ProcessStartInfo(PathOf(program)!, arguments) { RedirectStandardError = true })!);

    /// <summary>Runs it to its end; it must exit with 0.</summary>
    public static async Task RunAsync(string program, string[] arguments, string input = "")
    {
        using var process = Process.Start(new ProcessStartInfo(PathOf(program)!, arguments) { RedirectStandardInput = true })!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    public void Dispose()
    {
        try
        {
            _process.Kill();
            _process.WaitForExit();
        }
        catch (InvalidOperationException)
        {
            // It is disposed already.
        }

        _process.Dispose();
    }

    private static string? PathOf(string program) => Folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
