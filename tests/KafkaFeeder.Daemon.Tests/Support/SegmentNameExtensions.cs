using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Tests.Support;

internal static class SegmentNameExtensions
{
    /// <summary>Parses a file name as the name of a segment.</summary>
    public static SegmentName AsSegment(this string fileName) => SegmentName.TryParse(fileName)!;
}
