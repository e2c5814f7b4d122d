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
          Each message, RFC 3164 or 5424, becomes a record: its value is the whole message without the framing, its
          timestamp the time of receipt. Headers, if the message has them: facility and severity by name (daemon, warning),
          host, app. A message without them is kept all the same.
        Sockets:
          Each may be given several times. PORT 0 is any free one; standard error says which sockets are open.
          --tcp and --unix-stream: messages framed by their length (RFC 6587) or ended by newline, CR LF or NUL; which of
          them is detected automatically. --unix-dgram is a socket like /dev/log; everybody may write to sockets with a path.
          The socket of a killed process is replaced, anything else at that path is left alone.
          A message longer than --max-message becomes several records, all but the last with the header
          kafkalog.continued = 1, and each with kafkalog.part = ID/N: the same ID for the pieces of one message, N from 1.
          Between them there may be records of other senders. Only the first has the other headers.
        Nothing is lost, except:
          No more is read from a sender until what it sent is as safe as --durability says: over TCP and unix sockets it
          waits. UDP cannot wait: the kernel drops what its buffer has no room for; the number is reported every ten seconds.
          Some senders, nginx among them, do not wait for a full unix datagram socket either. The UDP buffer is 16 MiB as
          root, otherwise what net.core.rmem_max allows.
          A full or failing disk: as with kafkalog pipe.
        Stopping:
          On SIGTERM or SIGINT it accepts nothing more, writes what is in the sockets, and removes the paths.

        Exit codes:
          0  everything that was received is written
          1  something was not: standard error says how much and why
          2  wrong arguments, or a socket cannot be opened

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
            Description = "The largest part of a message that goes into one record [default: 64KiB]",
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
