using KafkaFeeder.Daemon.Systemd;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Systemd;

public sealed class NotifySocketTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_message_arrives_whole_at_a_path_and_at_an_abstract_socket(bool isAbstract)
    {
        using var manager = new ServiceManager(isAbstract);
        using var socket = new NotifySocket(manager.Address);
        Assert.True(socket.TrySend("READY=1\nSTATUS=žlutý kůň", out _));
        Assert.True(socket.TrySend("WATCHDOG=1", out _));
        Assert.Equal(["READY=1\nSTATUS=žlutý kůň", "WATCHDOG=1"], manager.Received());
    }

    [Fact]
    public void A_missing_service_manager_is_no_exception_and_is_found_when_it_is_back()
    {
        var manager = new ServiceManager();
        using var socket = new NotifySocket(manager.Address);
        Assert.True(socket.TrySend("A=1", out _));
        manager.Dispose();
        Assert.False(socket.TrySend("B=1", out _));
        using var again = new ServiceManager(manager.Address);
        Assert.True(socket.TrySend("C=1", out _));
        Assert.Equal(["C=1"], again.Received());
    }

    [Fact]
    public void A_service_manager_that_does_not_read_does_not_block_the_daemon()
    {
        using var manager = new ServiceManager();
        using var socket = new NotifySocket(manager.Address);
        string? problem = null;
        for (var i = 0; problem is null && i < 10_000; i++)
        {
            socket.TrySend("WATCHDOG=1", out problem);
        }

        Assert.NotNull(problem);
        Assert.NotEmpty(manager.Received());
        Assert.True(socket.TrySend("WATCHDOG=1", out _));
    }

    [Fact]
    public void An_impossible_address_is_no_exception()
    {
        using var socket = new NotifySocket("/" + new string('x', 200));
        Assert.False(socket.TrySend("READY=1", out _));
    }

    [Theory]
    [InlineData(null, null, null, null, null)]
    [InlineData("", "1000000", null, null, null)]
    [InlineData("vsock:2:1234", "1000000", null, null, null)]
    [InlineData("relative", "1000000", null, null, null)]
    [InlineData("@", "1000000", null, null, null)]
    [InlineData("/run/notify", null, null, "/run/notify", null)]
    [InlineData("@notify", "30000000", null, "@notify", 30.0)]
    [InlineData("/run/notify", "1500000", "42", "/run/notify", 1.5)]
    [InlineData("/run/notify", "1500000", "43", "/run/notify", null)]
    [InlineData("/run/notify", "1500000", "", "/run/notify", 1.5)]
    [InlineData("/run/notify", "0", null, "/run/notify", null)]
    [InlineData("/run/notify", "-5", null, "/run/notify", null)]
    [InlineData("/run/notify", "18446744073709551615", null, "/run/notify", null)]
    public void The_environment_gives_the_socket_and_the_watchdog_time(
        string? socket, string? watchdog, string? pid, string? address, double? seconds)
    {
        var environment =
            new Dictionary<string, string?> { ["NOTIFY_SOCKET"] = socket, ["WATCHDOG_USEC"] = watchdog, ["WATCHDOG_PID"] = pid };
        Assert.Equal(
            new NotifyEnvironment(address, seconds is { } s ? TimeSpan.FromSeconds(s) : null),
            NotifyEnvironment.Read(name => environment.GetValueOrDefault(name), 42));
    }
}
