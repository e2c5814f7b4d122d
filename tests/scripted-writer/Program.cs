using System.Globalization;
using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

// scripted-writer DIR COMPONENT MAX_SEGMENT_BYTES [mapped]: does what standard input says, a line each, and answers each
// with "ok" or "failed: " and why. For tests of what a writer says and leaves while its disk fails.
//   append DURABILITY FIRST COUNT BYTES   records that begin with the numbers from FIRST on; stops at the first that fails
//   flush DURABILITY
//   clock TIME                            what time it is from now on, in UTC; it stands still
//   close
var clock = new SetClock();
var writer = new LogWriter(new LogWriterOptions
{
    Directory = args[0],
    Component = args[1],
    FileSizeLimitBytes = long.Parse(args[2], CultureInfo.InvariantCulture),
    Mapped = args.Contains("mapped"),
    TimeProvider = clock,
    OnError = e => Console.Error.WriteLine("reported: " + e.Message),
});
while (Console.ReadLine() is { } line)
{
    var words = line.Split(' ');
    try
    {
        switch (words[0])
        {
            case "append":
                var (first, count, bytes) = (int.Parse(words[2], CultureInfo.InvariantCulture),
                    int.Parse(words[3], CultureInfo.InvariantCulture), int.Parse(words[4], CultureInfo.InvariantCulture));
                for (var number = first; number < first + count; number++)
                {
                    var value = number.ToString(CultureInfo.InvariantCulture).PadRight(bytes, '.');
                    writer.Append(new NewRecord(number, Encoding.ASCII.GetBytes(value)), Enum.Parse<Durability>(words[1]));
                }

                break;
            case "flush":
                writer.Flush(Enum.Parse<Durability>(words[1]));
                break;
            case "clock":
                clock.Now = DateTimeOffset.Parse(words[1], CultureInfo.InvariantCulture);
                break;
            case "close":
                writer.Dispose();
                break;
            default:
                throw new ArgumentException($"no such command: {line}");
        }

        Console.WriteLine("ok");
    }
    catch (LogWriteException e)
    {
        Console.WriteLine("failed: " + e.Message);
    }
}

/// <summary>A wall clock that is the system's until it is set.</summary>
internal sealed class SetClock : TimeProvider
{
    public DateTimeOffset? Now { get; set; }

    public override DateTimeOffset GetUtcNow() => Now ?? base.GetUtcNow();
}
