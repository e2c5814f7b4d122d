using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using KafkaFeeder.Tests;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Syslog;

/// <summary><c>kafkalog syslog</c> as a process, with sockets of the test's own and with real senders.</summary>
public sealed partial class SyslogTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TempFolder _sockets = new();
    private Kafkalog? _server;

    public void Dispose()
    {
        _server?.Dispose();
        _folder.Dispose();
        _sockets.Dispose();
    }

    [Fact]
    public async Task Every_framing_of_a_stream_is_read_and_what_cannot_be_parsed_is_kept()
    {
        var port = await StartAsync("tcp", "--tcp", "127.0.0.1:0");
        using (var client = new TcpClient("127.0.0.1", port))
        {
            await client.GetStream().WriteAsync(
                Encoding.ASCII.GetBytes("<30>Nov 21 10:00:00 h a: one\n24 <31>Nov 21 10:00:00 b: x\0no syslog at all\r\nend"));
        }

        var records = await WaitForAsync(4);
        Assert.Equal(["<30>Nov 21 10:00:00 h a: one", "<31>Nov 21 10:00:00 b: x", "no syslog at all", "end"], records.Select(r => r.Value));
        Assert.Equal(
            ["facility=daemon,severity=info,host=h,app=a", "facility=daemon,severity=debug,app=b", "", ""], records.Select(r => r.Headers));
        Stop();
    }

    [Fact]
    public async Task A_message_that_is_too_long_becomes_several_records()
    {
        var path = _sockets.File("d");
        await StartAsync("unix-dgram", "--unix-dgram", path, "--max-message", "10");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.SendTo("<30>456789abcdefghijklmno"u8, new UnixDomainSocketEndPoint(path));
        var records = await WaitForAsync(3);
        Assert.Equal(["<30>456789", "abcdefghij", "klmno"], records.Select(r => r.Value));
        Assert.Equal(
            [
                "facility=daemon,severity=info,kafkalog.continued=1,kafkalog.part=ID-1/1",
                "kafkalog.continued=1,kafkalog.part=ID-1/2",
                "kafkalog.part=ID-1/3",
            ],
            records.Select(r => Regex.Replace(r.Headers, "[0-9a-f]{16}-", "ID-")));
        Assert.Contains("1 message longer than 10 bytes", Stop().Errors);
    }

    [Fact]
    public async Task The_pieces_of_long_messages_of_several_senders_can_be_joined_again()
    {
        _server = Kafkalog.Start("syslog", "--dir", _folder.Path, "--component", "c", "--max-message", "10", "--tcp", "127.0.0.1:0");
        var port = await PortAsync("tcp");
        using var one = new TcpClient("127.0.0.1", port);
        using var two = new TcpClient("127.0.0.1", port);
        for (var turn = 0; turn < 5; turn++)
        {
            // Each piece is stored before the next is sent, so others come between. A piece is cut when two bytes of the next are there.
            var length = turn == 0 ? 12 : 10;
            await one.GetStream().WriteAsync(Encoding.ASCII.GetBytes(new string((char)('a' + turn), length)));
            await WaitForAsync((2 * turn) + 1);
            await two.GetStream().WriteAsync(Encoding.ASCII.GetBytes(new string((char)('A' + turn), length)));
            await WaitForAsync((2 * turn) + 2);
        }

        await one.GetStream().WriteAsync("end\n"u8.ToArray());
        await two.GetStream().WriteAsync("END\nshort\n"u8.ToArray());
        var records = await WaitForAsync(13);
        var joined = records.Where(record => record.Headers.Length > 0)
            .GroupBy(record => Regex.Match(record.Headers, "kafkalog.part=(.*)/").Groups[1].Value)
            .Select(message => message.OrderBy(record => int.Parse(record.Headers.Split('/')[1])).Select(record => record.Value))
            .Select(pieces => string.Concat(pieces))
            .Order(StringComparer.Ordinal);
        Assert.Equal(
            ["AAAAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDDEEEEEEEEEEEND", "aaaaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeend"], joined);
        Assert.Equal("short", records.Single(record => record.Headers.Length == 0).Value);
        Stop();
    }

    [Fact]
    public async Task Nothing_more_is_read_from_a_connection_while_the_disk_refuses()
    {
        var link = _folder.File("link");
        var real = Directory.CreateDirectory(_folder.File("real")).FullName;
        File.CreateSymbolicLink(link, real);
        _server = Kafkalog.Start("syslog", "--dir", link, "--component", "c", "--max-bytes", "1", "--tcp", "127.0.0.1:0");
        var port = await PortAsync("tcp");
        using var client = new TcpClient("127.0.0.1", port);
        var stream = client.GetStream();
        stream.Write("<30>before\n"u8);
        await Eventually.HoldsAsync(() => Directory.GetFiles(real).Length == 1, () => "nothing was written");
        File.Delete(link);
        File.WriteAllText(link, "in the way");
        stream.WriteTimeout = 3000;
        var sent = 0;
        var megabyte = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 1024).Select(_ => new string('x', 1023) + '\n')));
        Assert.Throws<IOException>(() =>
        {
            for (; sent < 200; sent++)
            {
                stream.Write(megabyte); // until all buffers are full
            }
        });
        Assert.InRange(sent, 0, 100);
        File.Delete(link);
        File.CreateSymbolicLink(link, real);
        await _server.WaitForErrorAsync("written again, after ");
        client.Close();
        await Eventually.HoldsAsync(() => Directory.GetFiles(real).Length > 2, () => "nothing was written");
        Stop();
        var values = Directory.GetFiles(real).Order(StringComparer.Ordinal).SelectMany(SomeSegment.ReadAll).Select(r => r.Value!).ToList();
        Assert.True(values.Count >= 1 + (sent * 1024), $"{values.Count} records of {sent} MiB");
        Assert.All(values.Skip(1).SkipLast(1), value => Assert.Equal(1023, value.Length));
    }

    [Fact]
    public async Task After_SIGTERM_it_writes_what_is_in_its_sockets_and_removes_its_paths()
    {
        var paths = (Datagram: _sockets.File("d"), Stream: _sockets.File("s"));
        await StartAsync("unix-stream", "--unix-dgram", paths.Datagram, "--unix-stream", paths.Stream);
        using var stream = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        stream.Connect(new UnixDomainSocketEndPoint(paths.Stream));
        using var datagrams = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        for (var i = 0; i < 5; i++)
        {
            datagrams.SendTo(Encoding.ASCII.GetBytes($"<30>d{i}"), new UnixDomainSocketEndPoint(paths.Datagram));
            stream.Send(Encoding.ASCII.GetBytes($"<30>s{i}\n"));
        }

        stream.Send("<30>unfinished"u8);
        Stop(); // the connection stays open
        Assert.Equal(
            Enumerable.Range(0, 5).SelectMany(i => new[] { $"<30>d{i}", $"<30>s{i}" }).Append("<30>unfinished").Order(
                StringComparer.Ordinal),
            SomeSegment.ReadAll(_folder).Select(r => r.Value!).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.GetFileSystemEntries(_sockets.Path));
    }

    [Fact]
    public async Task Only_the_path_of_a_socket_that_nobody_listens_on_is_taken_over()
    {
        var path = _sockets.File("s");
        await StartAsync("unix-dgram", "--unix-dgram", path);
        Assert.Equal(
            (2, $"kafkalog: cannot listen on {path}: another process does. Stop it, or give another path.\n"),
            Failure("--unix-dgram", path));
        _server!.Dispose(); // killed, so its path stays
        Assert.True(File.Exists(path));
        _server = null;
        await StartAsync("unix-dgram", "--unix-dgram", path);
        Stop();

        File.WriteAllText(path, "a file");
        Assert.Equal(
            (2,
                $"kafkalog: cannot listen on {path}: something else than a socket is there, which is not removed. Remove it, or give "
                    + "another path.\n"),
            Failure("--unix-stream", path));
        Assert.Equal("a file", File.ReadAllText(path));
    }

    [Fact]
    public async Task More_connections_than_allowed_wait_for_their_turn()
    {
        var port = await StartAsync("tcp", "--tcp", "127.0.0.1:0", "--max-connections", "2");
        var clients = Enumerable.Range(0, 5).Select(_ => new TcpClient("127.0.0.1", port)).ToList();
        for (var i = 0; i < clients.Count; i++)
        {
            await clients[i].GetStream().WriteAsync(Encoding.ASCII.GetBytes($"<30>{i}\n"));
        }

        await WaitForAsync(2);
        await _server!.WaitForErrorAsync("too many connections");
        clients.ForEach(client => client.Dispose());
        Assert.Equal(
            ["<30>0", "<30>1", "<30>2", "<30>3", "<30>4"], (await WaitForAsync(5)).Select(r => r.Value!).Order(StringComparer.Ordinal));
        Stop();
    }

    [Fact]
    public async Task In_a_storm_every_datagram_is_written_or_reported_as_dropped()
    {
        var port = await StartAsync("udp", "--udp", "127.0.0.1:0");
        using var sender = new UdpClient("127.0.0.1", port);
        const int Count = 50_000;
        for (var i = 0; i < Count; i++)
        {
            sender.Send(Encoding.ASCII.GetBytes($"<30>{i}"));
        }

        var run = Stop();
        var dropped = DroppedDatagrams().Match(run.Errors) is { Success: true } match ? int.Parse(match.Groups[1].Value) : 0;
        Assert.Equal(Count, SomeSegment.ReadAll(_folder).Count + dropped);
    }

    [Theory]
    [InlineData("udp", "--udp", "-d", "", "facility=daemon,severity=warning,host=H,app=tester")]
    [InlineData("udp", "--udp", "-d", "--rfc3164", "facility=daemon,severity=warning,host=H,app=tester")]
    [InlineData("tcp", "--tcp", "-T", "", "facility=daemon,severity=warning,host=H,app=tester")]
    [InlineData("tcp", "--tcp", "-T", "--octet-count", "facility=daemon,severity=warning,host=H,app=tester")]
    [InlineData("tcp", "--tcp", "-T", "--rfc3164", "facility=daemon,severity=warning,host=H,app=tester")]
    [InlineData("unix-dgram", "--unix-dgram", "-d", "", "facility=daemon,severity=warning,app=tester")]
    [InlineData("unix-dgram", "--unix-dgram", "-d", "--rfc5424", "facility=daemon,severity=warning,host=H,app=tester")]
    [InlineData("unix-stream", "--unix-stream", "", "", "facility=daemon,severity=warning,app=tester")]
    public async Task Messages_of_logger_come_through(string kind, string option, string how, string format, string headers)
    {
        SystemProgram.Needs("logger");
        var isUnix = option.StartsWith("--unix", StringComparison.Ordinal);
        var path = _sockets.File("log");
        var port = await StartAsync(kind, option, isUnix ? path : "127.0.0.1:0");
        string[] to = isUnix ? ["-u", path] : ["-n", "127.0.0.1", "-P", $"{port}"];
        for (var i = 0; i < 3; i++)
        {
            await SystemProgram.RunAsync(
                "logger", [.. to, .. Words(how), .. Words(format), "-t", "tester", "-p", "daemon.warning", $"message {i} žluťoučký"]);
        }

        // each is a connection of its own
        var records = (await WaitForAsync(3)).OrderBy(r => Message().Match(r.Value!).Value, StringComparer.Ordinal).ToList();
        for (var i = 0; i < 3; i++)
        {
            Assert.StartsWith("<28>", records[i].Value);
            Assert.EndsWith($"message {i} žluťoučký", records[i].Value);
            Assert.Matches("^" + headers.Replace("=H", "=[^,]+", StringComparison.Ordinal) + "$", records[i].Headers);
        }

        Stop();

        static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    [Theory]
    [InlineData("traditional", "RSYSLOG_ForwardFormat")]
    [InlineData("octet-counted", "RSYSLOG_ForwardFormat")]
    [InlineData("octet-counted", "RSYSLOG_SyslogProtocol23Format")]
    public async Task Messages_that_rsyslogd_forwards_come_through(string framing, string template)
    {
        SystemProgram.Needs("rsyslogd");
        SystemProgram.Needs("logger");
        var port = await StartAsync("tcp", "--tcp", "127.0.0.1:0");
        var input = _sockets.File("in");
        File.WriteAllText(_sockets.File("rsyslog.conf"), $"""
            global(workDirectory="{_sockets.Path}" maxMessageSize="64k")
            module(load="imuxsock" SysSock.Use="off")
            input(type="imuxsock" Socket="{input}" CreatePath="on" RateLimit.Interval="0")
            action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="{framing}" template="{template}"
                   action.resumeRetryCount="-1")

            """);
        using var rsyslogd = SystemProgram.Start("rsyslogd", "-n", "-f", _sockets.File("rsyslog.conf"), "-i", _sockets.File("pid"));
        await Eventually.HoldsAsync(() => File.Exists(input), () => $"rsyslogd does not listen: {rsyslogd.Errors}");
        var lines = string.Concat(Enumerable.Range(0, 2000).Select(i => $"line {i}\n"));
        await SystemProgram.RunAsync("logger", ["-u", input, "-t", "tester", "-p", "local3.err"], lines);
        var records = await WaitForAsync(2000, r => r.Headers.EndsWith(",app=tester", StringComparison.Ordinal));
        // one template ends with a newline
        Assert.Equal(
            Enumerable.Range(0, 2000).Select(i => $"line {i}"),
            records.Select(r => r.Value![(r.Value!.LastIndexOf("line ", StringComparison.Ordinal))..].TrimEnd('\n')));
        Assert.All(records, r => Assert.Matches("^facility=local3,severity=err,host=[^,]+,app=tester$", r.Headers));
        rsyslogd.Dispose();
        Stop();
    }

    [Theory]
    [InlineData("udp", "--udp")]
    [InlineData("unix-dgram", "--unix-dgram")]
    public async Task The_access_log_of_nginx_comes_through(string kind, string option)
    {
        SystemProgram.Needs("nginx");
        var path = _sockets.File("log");
        var port = await StartAsync(kind, option, kind == "udp" ? "127.0.0.1:0" : path);
        var target = kind == "udp" ? $"127.0.0.1:{port}" : $"unix:{path}";
        var httpPort = FreePort();
        File.WriteAllText(_sockets.File("nginx.conf"), $$"""
            daemon off;
            master_process off;
            pid {{_sockets.File("pid")}};
            error_log stderr;
            events { }
            http {
              access_log syslog:server={{target}},facility=local7,tag=web,severity=info;
              client_body_temp_path {{_sockets.File("a")}}; proxy_temp_path {{_sockets.File("b")}};
              fastcgi_temp_path {{_sockets.File("c")}};
              uwsgi_temp_path {{_sockets.File("e")}}; scgi_temp_path {{_sockets.File("f")}};
              server { listen 127.0.0.1:{{httpPort}}; location / { return 200 "hello"; } }
            }

            """);
        using var nginx = SystemProgram.Start("nginx", "-c", _sockets.File("nginx.conf"), "-p", _sockets.Path);
        using var http = new HttpClient();
        await Eventually.HoldsAsync(() => File.Exists(_sockets.File("pid")), () => $"nginx does not start: {nginx.Errors}");
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("hello", await http.GetStringAsync($"http://127.0.0.1:{httpPort}/page/{i}"));
            await WaitForAsync(i - 5); // nginx does not wait where the socket's queue of ten is full
        }

        var records = await WaitForAsync(50);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"GET /page/{i} HTTP/1.1"), records.Select(r => r.Value!.Split('"')[1]));
        Assert.All(records, r => Assert.Matches("^facility=local7,severity=info,host=[^,]+,app=web$", r.Headers));
        nginx.Dispose();
        Stop();
    }

    [Theory]
    [InlineData("nothing to listen on")]
    [InlineData("--udp is \"here\"", "--udp", "here")]
    [InlineData("cannot listen on tcp 127.0.0.1:1", "--tcp", "127.0.0.1:1", "--tcp", "127.0.0.1:1")]
    [InlineData("cannot listen on unix /nowhere/at/all/x", "--unix-stream", "/nowhere/at/all/x")]
    public void A_socket_that_cannot_be_opened_is_reported_in_one_line_with_exit_code_2(string message, params string[] arguments)
    {
        var (code, errors) = Failure(arguments);
        Assert.Equal(2, code);
        Assert.Contains($"kafkalog: {message}", errors);
    }

    [GeneratedRegex(@"message \d")]
    private static partial Regex Message();

    [GeneratedRegex(@"dropped \d+ datagrams of udp [^,]+, (\d+) in all(?![\s\S]*in all)")]
    private static partial Regex DroppedDatagrams();

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private (int, string) Failure(params string[] options)
    {
        var run = Kafkalog.Run(["syslog", "--dir", _folder.Path, "--component", "c", .. options]);
        return (run.ExitCode, run.Errors);
    }

    /// <summary>Starts it and returns the port of the socket of that kind; 0 if it has none.</summary>
    private async Task<int> StartAsync(string kind, params string[] options)
    {
        _server = Kafkalog.Start(["syslog", "--dir", _folder.Path, "--component", "c", .. options]);
        return await PortAsync(kind);
    }

    private async Task<int> PortAsync(string kind)
    {
        await _server!.WaitForErrorAsync($"listening on {kind} ");
        return Regex.Match(_server.ErrorsSoFar(), $@"listening on {kind} .*:(\d+)\n") is { Success: true } match
            ? int.Parse(match.Groups[1].Value)
            : 0;
    }

    private Ended Stop()
    {
        _server!.SendSigterm();
        var run = _server.WaitForEnd();
        Assert.Equal(0, run.ExitCode);
        return run;
    }

    private async Task<List<ReadRecord>> WaitForAsync(int count, Func<ReadRecord, bool>? counts = null)
    {
        List<ReadRecord> records = [];
        await Eventually.HoldsAsync(
            () => (records = [.. SomeSegment.ReadAll(_folder).Where(counts ?? (_ => true))]).Count >= count,
            () => $"{records.Count} of {count} records came; kafkalog said: {_server!.ErrorsSoFar()}");
        return records;
    }
}
