using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>A line of the ledger: an entry, an acknowledgement, or the counts of one log in older files.</summary>
internal sealed record LedgerLine
{
    public const string AcknowledgedKind = "acknowledged";
    public const string TotalKind = "total";

    private static readonly LedgerJson Json =
        new(new JsonSerializerOptions(LedgerJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public DateTimeOffset Time { get; init; }

    public string? Kind { get; init; }

    /// <summary>The directory of the log. In an acknowledgement, null means all directories.</summary>
    public string? Directory { get; init; }

    /// <summary>The component. In an acknowledgement, null means all. In an entry it is null: the segment's name contains it.</summary>
    public string? Component { get; init; }

    public string? Segment { get; init; }

    public long? Position { get; init; }

    public long? EndPosition { get; init; }

    public long? Records { get; init; }

    public string? Reason { get; init; }

    /// <summary>The person who acknowledged.</summary>
    public string? By { get; init; }

    public LedgerSums? Total { get; init; }

    public LedgerSums? Unacknowledged { get; init; }

    public long? Incidents { get; init; }

    public static LedgerLine Of(in LedgerEntry entry, DateTimeOffset time) => new()
    {
        Time = time,
        Kind = entry.Kind.ToString().ToLowerInvariant(),
        Directory = entry.Directory,
        Segment = entry.Segment,
        Position = entry.Position,
        EndPosition = entry.EndPosition,
        Records = entry.Records,
        Reason = entry.Reason,
    };

    public static LedgerLine Of(string directory, string component, LedgerCounts counts, DateTimeOffset time) => new()
    {
        Time = time,
        Kind = TotalKind,
        Directory = directory,
        Component = component,
        Total = counts.Total,
        Unacknowledged = counts.Unacknowledged,
        Incidents = counts.Incidents,
    };

    public LedgerCounts Counts() => new(Total ?? default, Unacknowledged ?? default, Incidents ?? 0);

    /// <summary>Converts the line to an entry. False if it is not an entry, or not a complete one.</summary>
    public bool TryEntry(out LedgerEntry entry)
    {
        entry = default;
        if (Directory is null || Segment is null || Position is not { } from || EndPosition is not { } to
            || !Enum.TryParse<LedgerKind>(Kind, ignoreCase: true, out var kind))
        {
            return false;
        }

        entry = new LedgerEntry(kind, Directory, Segment, from, to, Records ?? 0, Reason ?? "");
        return true;
    }

    public void WriteTo(Stream stream)
    {
        JsonSerializer.Serialize(stream, this, Json.LedgerLine);
        stream.WriteByte((byte)'\n');
    }
}

/// <summary>JSON serialization code, generated at compile time: the daemon uses no reflection for it.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LedgerLine))]
internal sealed partial class LedgerJson : JsonSerializerContext;
