using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>Names that were added and removed between two ordered lists. Takes one pass over both. Pure.</summary>
internal static class NameDifference
{
    public static (List<SegmentName> Came, List<SegmentName> Went) Between(
        IReadOnlyList<SegmentName> before, IReadOnlyList<SegmentName> now)
    {
        List<SegmentName> came = [];
        List<SegmentName> went = [];
        var (b, n) = (0, 0);
        while (b < before.Count || n < now.Count)
        {
            var order = b == before.Count ? 1 : n == now.Count ? -1 : before[b].CompareTo(now[n]);
            if (order > 0)
            {
                came.Add(now[n++]);
            }
            else if (order < 0)
            {
                went.Add(before[b++]);
            }
            else
            {
                b++;
                n++;
            }
        }

        return (came, went);
    }
}
