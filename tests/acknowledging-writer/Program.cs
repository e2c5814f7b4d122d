using System.Globalization;
using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

// acknowledging-writer DIR COMPONENT DURABILITY [mapped]: appends records numbered from 1 and says each number on standard
// output once its append has returned, until it is killed. For tests of what a killed writer had promised.
var options = new LogWriterOptions
{
    Directory = args[0],
    Component = args[1],
    Interval = TimeSpan.FromSeconds(1),
    MaxSegmentBytes = 256 * 1024, // several segments within one short life
    Mapped = args.Contains("mapped"),
};
var durability = Enum.Parse<Durability>(args[2]);
using var writer = new LogWriter(options);
using var said = Console.OpenStandardOutput();
for (var number = 1L; ; number++)
{
    var text = number.ToString(CultureInfo.InvariantCulture);
    writer.Append(new NewRecord(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), Encoding.ASCII.GetBytes(text)), durability);
    said.Write(Encoding.ASCII.GetBytes(text + "\n"));
}
