using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Commands;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Commands;

/// <summary><c>status</c> and <c>health</c> when another program listens on the address in status.listen.</summary>
[Trait("lane", "slow")]
public sealed class OtherProgramOnThePortTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private Task _serving = Task.CompletedTask;

    public OtherProgramOnThePortTests()
    {
        _listener.Start();
        Directory.CreateDirectory(_folder.File("logs"));
        _folder.Write("conf.yaml", $$"""
            log_dir: {{_folder.File("logs")}}
            checkpoint_dir: {{_folder.File("state/checkpoint")}}
            journal_dir: {{_folder.File("state/journal")}}
            kafka_brokers: { kafka: { brokers: ["127.0.0.1:1"] } }
            status: { listen: "{{_listener.LocalEndpoint}}" }
            """);
    }

    private string Mark => $"{StateMark.Header}: {StateMark.Of(_folder.File("state/checkpoint"))}\r\n";

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _serving.Wait();
        _end.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 19\r\n\r\n<html>\u001b[2Jhi</html>")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n<html>")]
    [InlineData("SSH-2.0-OpenSSH_9.6\r\n")]
    [InlineData("")]
    public void Another_program_on_the_port_is_reported_in_one_line_and_counts_as_no_daemon(string answer)
    {
        Serve(answer);
        AssertReported(Run("health"), ExitCode.Failed);
        AssertReported(Run("status"), ExitCode.NotRunning);
        var (exitCode, output, errors) = Run("status", "--json");
        Assert.Equal((ExitCode.NotRunning, ""), (exitCode, errors));
        Assert.StartsWith(
            $"{_listener.LocalEndpoint} answered, but not as kafkafeeder does: ",
            JsonDocument.Parse(output).RootElement.GetProperty("error").GetString(),
            StringComparison.Ordinal);
    }

    /// <summary>The answer has our header: it comes from another version, or through a proxy.</summary>
    [Theory]
    [InlineData("<html>hi</html>")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"logs":3,"faults":[]}""")]
    [InlineData("""{"logs":[{"component":"orders"}],"faults":[]}""")]
    [InlineData("""{"logs":[{"component":1,"state":{}}],"faults":[7]}""")]
    [InlineData("")]
    public void Status_in_an_unknown_form_is_reported_in_one_line(string body)
    {
        Serve($"HTTP/1.1 200 OK\r\n{Mark}Content-Length: {body.Length}\r\n\r\n{body}");
        var (exitCode, output, errors) = Run("status", "--json");
        Assert.Equal((ExitCode.NotRunning, ""), (exitCode, errors));
        Assert.Contains(
            "not as kafkafeeder does",
            JsonDocument.Parse(output).RootElement.GetProperty("error").GetString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_endless_body_is_given_up()
    {
        Serve($"HTTP/1.1 200 OK\r\n{Mark}\r\n", isEndless: true);
        AssertReported(Run("status"), ExitCode.NotRunning);
    }

    [Fact]
    public void A_program_that_accepts_and_never_answers_is_given_up_after_the_time_limit()
    {
        var answers = DaemonClient.TryGet(
            Startup.LoadOptions(_folder.File("conf.yaml"))!, "/healthz", out var answer, patience: TimeSpan.FromMilliseconds(200));
        Assert.False(answers);
        Assert.Equal($"No daemon answers at {_listener.LocalEndpoint}: no complete answer came within 0.2 s", answer.Text);
    }

    /// <summary>A proxy in the environment is for other hosts, not for the daemon on this one.</summary>
    [Fact]
    public void The_proxy_of_the_environment_is_not_used()
    {
        Serve($"HTTP/1.1 200 OK\r\n{Mark}Content-Length: 3\r\n\r\nok\n");
        var run = RunningProgram.Run(
            "/usr/bin/env", "http_proxy=http://127.0.0.1:1", RunningProgram.Kafkafeeder, "health", "-c", _folder.File("conf.yaml"));
        Assert.Equal((ExitCode.Ok, "ok\n", ""), run);
    }

    private (int ExitCode, string Output, string Errors) Run(params string[] arguments) =>
        RunningProgram.Run(RunningProgram.Kafkafeeder, [.. arguments, "-c", _folder.File("conf.yaml")]);

    private void AssertReported((int ExitCode, string Output, string Errors) run, int exitCode)
    {
        Assert.Equal(exitCode, run.ExitCode);
        Assert.StartsWith(
            $"{_listener.LocalEndpoint} answered, but not as kafkafeeder does: ", run.Errors, StringComparison.Ordinal);
        Assert.EndsWith("; another program may listen there", run.Errors.Split('\n')[0], StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", run.Output + run.Errors, StringComparison.Ordinal);
    }

    /// <summary>Answers each connection with these bytes, whatever it asks, and closes it.</summary>
    private void Serve(string answer, bool isEndless = false) => _serving = Task.Run(async () =>
    {
        var more = new byte[1 << 20];
        while (!_end.IsCancellationRequested)
        {
            try
            {
                using var socket = await _listener.AcceptSocketAsync(_end.Token);
                await socket.ReceiveAsync(new byte[4096], _end.Token);
                await socket.SendAsync(Encoding.UTF8.GetBytes(answer), _end.Token);
                while (isEndless)
                {
                    await socket.SendAsync(more, _end.Token);
                }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The client has closed the connection, or the test is over.
            }
        }
    });
}
