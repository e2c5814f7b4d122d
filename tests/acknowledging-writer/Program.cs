using System.Globalization;
using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

// acknowledging-writer DIR COMPONENT DURABILITY [mapped]: appends records numbered from 1 and says each number on standard
// output once its append has returned, until it is killed. For tests of what a killed writer had promised.
// With "flush" instead of a durability: five records, each behind it a flush to the disk, tried twice if it fails.
var options = new LogWriterOptions
{
    Directory = args[0],
    Component = args[1],
    Interval = TimeSpan.FromSeconds(1),
    FileSizeLimitBytes = 256 * 1024, // several segments within one short life
    Mapped = args.Contains("mapped"),
};
using var writer = new LogWriter(options);
using var said = Console.OpenStandardOutput();
if (args[2] == "flush")
{
    for (var number = 1; number <= 5; number++)
    {
        writer.Append(new NewRecord(0, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture))));
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            try
            {
                writer.Flush(Durability.Synced);
                break;
            }
            catch (LogWriteException)
            {
                said.Write(Encoding.ASCII.GetBytes($"failed {number}\n"));
            }
        }
    }

    return;
}

var durability = Enum.Parse<Durability>(args[2]);
for (var number = 1L; ; number++)
{
    var text = number.ToString(CultureInfo.InvariantCulture);
    writer.Append(new NewRecord(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), Encoding.ASCII.GetBytes(text)), durability);
    said.Write(Encoding.ASCII.GetBytes(text + "\n"));
}
