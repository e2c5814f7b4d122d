using System.Globalization;

namespace KafkaFeeder.CommandLine;

/// <summary>A number with the word for what is counted.</summary>
internal static class Quantity
{
    /// <summary><c>1 batch</c>, <c>1,200 batches</c>.</summary>
    public static string Of(decimal count, string one, string many) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {(count == 1 ? one : many)}");

    /// <summary><c>1 byte</c>, <c>1,200 bytes</c>.</summary>
    public static string Bytes(long count) => Of(count, "byte", "bytes");
}
