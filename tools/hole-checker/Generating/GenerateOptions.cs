using KafkaLog.Format.Segments;

namespace HoleChecker.Generating;

/// <summary>What is to be generated.</summary>
internal sealed record GenerateOptions
{
    /// <summary>Messages of all producers together.</summary>
    public required long Count { get; init; }

    /// <summary>At least 1; they share the messages as evenly as possible.</summary>
    public required int Producers { get; init; }

    /// <summary>Messages a second, of all producers together; null: as fast as possible.</summary>
    public long? Rate { get; init; }

    /// <summary>The size of each value in bytes; it is longer if its content is.</summary>
    public required int ValueBytes { get; init; }

    /// <summary>Identifies the messages of this run.</summary>
    public required string Run { get; init; }

    /// <summary>The producer's number is the record's key.</summary>
    public bool IsKeyed { get; init; }

    public Durability Durability { get; init; }
}
