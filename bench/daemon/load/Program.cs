using System.Globalization;
using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Load;

/// <summary>
/// The logs that bench/daemon/daemon measures the daemon with. It says "ready" when they are there, then holds them open, and
/// writes to them as asked, until it is ended.
/// </summary>
internal static class Program
{
    private const int RecordBytes = 171;

    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["logs", var directory, var logs, var bytes, var rate]:
                Logs(directory, Number(logs), Number(bytes), Number(rate));
                return 0;
            case ["segments", var directory, var count]:
                Segments(directory, Number(count));
                return 0;
            case ["files", var directory, var components]:
                Files(directory, Number(components));
                return 0;
            default:
                Console.Error.WriteLine("load logs DIR LOGS BACKLOG_BYTES RECORDS_A_SECOND | segments DIR COUNT | files DIR COMPONENTS");
                return 2;
        }
    }

    /// <summary>Logs c0000, c0001... in a directory each, with so many bytes, and so many records a second for each.</summary>
    private static void Logs(string directory, int count, int bytes, int rate)
    {
        var writers = Enumerable.Range(0, count).Select(n => Open(Path.Combine(directory, NameOf(n)), NameOf(n))).ToArray();
        foreach (var writer in writers)
        {
            for (var written = 0; written < Math.Max(1, bytes); written += RecordBytes)
            {
                Append(writer, bytes > RecordBytes ? Durability.Buffered : Durability.Flushed);
            }

            writer.Flush();
        }

        Console.WriteLine("ready");
        if (rate == 0)
        {
            Thread.Sleep(Timeout.Infinite);
        }

        // Spread over the second, as applications that know nothing of each other are.
        var pause = TimeSpan.FromSeconds(1.0 / rate / 50);
        for (var slice = 0; ; slice = (slice + 1) % 50)
        {
            for (var n = slice; n < count; n += 50)
            {
                Append(writers[n], Durability.Flushed);
            }

            Thread.Sleep(pause);
        }
    }

    /// <summary>One log of many finished segments of one record each, a second of the days before yesterday each.</summary>
    private static void Segments(string directory, int count)
    {
        using (var writer = Open(directory, "many"))
        {
            Append(writer, Durability.Flushed);
        }

        var first = Directory.GetFiles(directory, "*" + SegmentName.Extension).Single();
        var bytes = File.ReadAllBytes(first);
        var start = DateTimeOffset.UtcNow - TimeSpan.FromDays(1) - TimeSpan.FromSeconds(count);
        for (var n = 1; n < count; n++)
        {
            var name = SegmentName.Create(start.AddSeconds(n), TimeSpan.FromSeconds(1), "many");
            var path = Path.Combine(directory, name.FileName);
            File.WriteAllBytes(path, bytes);
            File.SetLastWriteTimeUtc(path, start.AddSeconds(n).UtcDateTime);
        }

        Console.WriteLine("ready");
    }

    /// <summary>Many components in one directory, one of which begins a new file each second.</summary>
    private static void Files(string directory, int components)
    {
        var writers = Enumerable.Range(0, components).Select(n => Open(directory, NameOf(n))).ToArray();
        foreach (var writer in writers)
        {
            Append(writer, Durability.Flushed);
        }

        Console.WriteLine("ready");
        for (var n = 0; ; n = (n + 1) % components)
        {
            Thread.Sleep(1000);
            writers[n].Dispose();
            writers[n] = Open(directory, NameOf(n));
            Append(writers[n], Durability.Flushed);
        }
    }

    private static LogWriter Open(string directory, string component)
    {
        Directory.CreateDirectory(directory);
        return new LogWriter(new LogWriterOptions { Directory = directory, Component = component });
    }

    private static void Append(LogWriter writer, Durability durability)
    {
        var value = Encoding.ASCII.GetBytes("a record of the load test, as long as a line of a log is ".PadRight(RecordBytes, '.'));
        writer.Append(new NewRecord { Value = value }, durability);
    }

    private static string NameOf(int n) => string.Create(CultureInfo.InvariantCulture, $"c{n:D4}");

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
