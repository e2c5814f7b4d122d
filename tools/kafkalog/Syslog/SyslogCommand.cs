using System.CommandLine;
using System.Net;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Syslog;

/// <summary><c>kafkalog syslog</c>.</summary>
internal static class SyslogCommand
{
    public const string MoreHelp = """
        What it does:
          Each message, RFC 3164 or 5424, becomes a record: its value is the message whole, without the framing, its
          timestamp the time of receipt. Headers, where the message says so: facility and severity by name (daemon,
          warning), host, app. A message that says nothing of the kind is kept all the same.
        Sockets:
          Each may be given several times. PORT 0 is any free one; what is listened on is told on standard error.
          --tcp and --unix-stream: messages framed by their length (RFC 6587) or ended by newline, CR LF or NUL, told apart
          by themselves. --unix-dgram is what /dev/log is; everybody may write to the sockets of a path. A path left by a
          killed process is taken over, anything else that lies there is left alone.
          A message longer than --max-message becomes several records, each but the last with the header
          kafkalog.continued = 1, and each with kafkalog.part = ID/N: the same ID for the pieces of one message, N from 1.
          Between them there may be records of other senders. Only the first has the other headers.
        Nothing is lost, but:
          Of a sender no more is read until what it sent is as safe as --durability says: over TCP and unix sockets it
          waits. UDP cannot wait: the kernel drops what its buffer has no room for; the number is told every ten seconds.
          Some senders, nginx among them, do not wait on a full unix datagram socket either. As root the buffer of UDP is
          16 MiB, else what net.core.rmem_max allows.
          A full or failing disk: as with kafkalog pipe.
        Stopping:
          On SIGTERM or SIGINT nothing more is accepted, what lies in the sockets is taken and written, the paths are removed.

        Exit codes:
          0  everything that was received is written
          1  something was not: standard error says how much and why
          2  wrong arguments, or a socket cannot be had

        Examples:
          kafkalog syslog --dir /var/log/apps --component syslog --udp 127.0.0.1:514 --tcp 127.0.0.1:514
          kafkalog syslog --dir /var/log/apps --component local --unix-dgram /dev/log
          kafkalog syslog --dir /var/log/apps --component nginx --unix-dgram /run/kafkalog/nginx.sock
              nginx: access_log syslog:server=unix:/run/kafkalog/nginx.sock;
        """;

    public static Command Create(CancellationToken stop)
    {
        var defaults = new SyslogServerOptions();
        var writerArguments = new WriterArguments();
        var udp = EndPoints("--udp", "Listen for datagrams");
        var tcp = EndPoints("--tcp", "Listen for connections");
        var unixDatagram =
            new Option<string[]>("--unix-dgram") { HelpName = "PATH", Description = "Listen on a unix socket of datagrams, as /dev/log" };
        var unixStream =
            new Option<string[]>("--unix-stream") { HelpName = "PATH", Description = "Listen on a unix socket of connections" };
        var maxMessage = new Option<long>("--max-message")
        {
            HelpName = "SIZE",
            Description = "The most of a message that goes into one record [default: 64KiB]",
            CustomParser = ArgumentParsers.Size(1, ContinuedHeader.MaxMaxLineBytes),
        };
        var maxConnections = new Option<long>("--max-connections")
        {
            HelpName = "N",
            Description = "How many senders may be connected at a time",
            DefaultValueFactory = _ => defaults.MaxConnections,
            CustomParser = ArgumentParsers.Number(1),
        };
        var command = new Command("syslog", "Receive syslog messages and write them as a log.");
        writerArguments.AddTo(command);
        foreach (var option in new Option[] { udp, tcp, unixDatagram, unixStream, maxMessage, maxConnections })
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (new Option[] { udp, tcp, unixDatagram, unixStream }.All(option => result.GetResult(option) is null))
            {
                result.AddError("nothing to listen on: expected --udp, --tcp, --unix-dgram or --unix-stream.");
            }
        });
        command.SetAction(arguments => ErrorOutput.Guard(() =>
        {
            var options = new SyslogServerOptions
            {
                Udp = arguments.GetValue(udp) ?? [],
                Tcp = arguments.GetValue(tcp) ?? [],
                UnixDatagram = arguments.GetValue(unixDatagram) ?? [],
                UnixStream = arguments.GetValue(unixStream) ?? [],
                MaxConnections = (int)Math.Min(int.MaxValue, arguments.GetValue(maxConnections)),
                MaxMessageBytes = arguments.GetResult(maxMessage) is null ? defaults.MaxMessageBytes : (int)arguments.GetValue(maxMessage),
            };
            var writer = writerArguments.CreateWriter(arguments, stop);
            try
            {
                new SyslogServer(options, writer, TimeProvider.System).RunAsync(stop).GetAwaiter().GetResult();
            }
            finally
            {
                writer.Dispose();
            }

            return WriterEnd.Of(writer);
        }));
        return command;
    }

    private static Option<IPEndPoint[]> EndPoints(string name, string description) => new(name)
    {
        HelpName = "ADDRESS:PORT",
        Description = description,
        CustomParser = result =>
        {
            var found = new List<IPEndPoint>();
            foreach (var token in result.Tokens)
            {
                if (SyslogSockets.ParseEndPoint(token.Value) is { } endPoint)
                {
                    found.Add(endPoint);
                }
                else
                {
                    result.AddError(
                        $"{name} is \"{token.Value}\"; it must be an address and a port, such as 127.0.0.1:514, [::1]:514 or 0.0.0.0:514.");
                }
            }

            return [.. found];
        },
    };
}
