using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Tests.Support;

internal static class SegmentNameExtensions
{
    /// <summary>A file's name as a segment's name.</summary>
    public static SegmentName AsSegment(this string fileName) => SegmentName.TryParse(fileName)!;
}
