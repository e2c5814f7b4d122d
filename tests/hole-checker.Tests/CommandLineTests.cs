using System.Diagnostics;
using KafkaFeeder.Tests;
using Xunit;

namespace HoleChecker.Tests;

/// <summary>The program as a process: wrong arguments and unwritable places are one line, never a stack trace.</summary>
public sealed class CommandLineTests : IDisposable
{
    private const int WrongArguments = 2;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--size", "0", "it must be a whole number of at least 1")]
    [InlineData("--size", "abc", "it must be a whole number of at least 1")]
    [InlineData("--size", "99999999", "it must be at most 16777216")]
    [InlineData("--producers", "0", "it must be a whole number of at least 1")]
    [InlineData("--interval", "abc", "it must be a whole number of at least 1")]
    public void A_wrong_number_is_reported(string option, string value, string message)
    {
        var (exitCode, errors) = Run($"generate --dir {_folder.Path} --component c --count 1 {option} {value}");
        Assert.Equal(WrongArguments, exitCode);
        Assert.Contains(message, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_cannot_be_made_is_reported_and_nothing_is_called_lost()
    {
        var (exitCode, errors) = Run("generate --dir /proc/nothing --component c --count 5");
        Assert.Equal(1, exitCode);
        Assert.StartsWith("hole-checker: nothing is written: /proc/nothing cannot be made: ", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("lost", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help >/dev/full")]
    [InlineData("--help >&-")]
    [InlineData("generate --dir {0} --component c --count 1 >/dev/full")]
    public void Output_that_cannot_be_written_is_reported_in_one_line(string arguments)
    {
        var (exitCode, errors) = Run(arguments.Replace("{0}", _folder.Path, StringComparison.Ordinal));
        Assert.Equal(2, exitCode);
        Assert.Matches("^hole-checker: cannot write to standard output: [^\n]+\n$", errors);
    }

    private static (int ExitCode, string Errors) Run(string arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "hole-checker");
        using var process = Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", $"{program} {arguments}"])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        _ = output.Result;
        return (process.ExitCode, errors);
    }
}
