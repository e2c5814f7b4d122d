using System.Globalization;
using System.Net.Sockets;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Syslog;

/// <summary>Datagrams that the kernel dropped because a UDP socket's buffer was full, from its own counters.</summary>
internal sealed class KernelDrops(IReadOnlyList<(string Name, Socket Socket)> sockets, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly string[] Tables = ["/proc/net/udp", "/proc/net/udp6"];

    private readonly long[] _told = new long[sockets.Count];

    /// <summary>Reports new ones every ten seconds, and at the end.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (sockets.Count > 0)
            {
                await Task.Delay(Interval, time, stop);
                Tell();
            }
        }
        catch (OperationCanceledException)
        {
            Tell();
        }
    }

    /// <summary>The counter of a socket in the kernel's table; null if it is not there.</summary>
    /// <param name="table">As /proc/net/udp has it.</param>
    /// <param name="inode">The socket's number.</param>
    public static long? Find(IEnumerable<string> table, string inode)
    {
        foreach (var line in table)
        {
            // sl local remote st queues timer retransmits uid timeout inode references pointer drops
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length >= 13 && fields[9] == inode
                && long.TryParse(fields[12], NumberStyles.None, CultureInfo.InvariantCulture, out var drops))
            {
                return drops;
            }
        }

        return null;
    }

    private void Tell()
    {
        for (var i = 0; i < sockets.Count; i++)
        {
            if (InodeOf(sockets[i].Socket) is { } inode && Count(inode) is { } drops && drops > _told[i])
            {
                ErrorOutput.Say(
                    $"the kernel dropped {Quantity.Of(drops - _told[i], "datagram", "datagrams")} of {sockets[i].Name}, "
                        + $"{drops} in all: they came faster than they were written. TCP and unix sockets wait instead.");
                _told[i] = drops;
            }
        }
    }

    private static long? Count(string inode)
    {
        try
        {
            return Tables.Where(File.Exists).Select(table => Find(File.ReadLines(table), inode)).FirstOrDefault(drops => drops is not null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // there is no such table here, so the number is not known
        }
    }

    private static string? InodeOf(Socket socket)
    {
        const string Prefix = "socket:[";
        var link = new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{socket.Handle}")).LinkTarget;
        return link is not null && link.StartsWith(Prefix, StringComparison.Ordinal) ? link[Prefix.Length..^1] : null;
    }
}
