using KafkaLog.Format.Compression;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

/// <summary>What a random run is like.</summary>
internal sealed record RunPlan
{
    private readonly int _ages;

    public RunPlan(Random random)
    {
        Partitions = random.Next(2) == 0 ? 1 : random.Next(2, 4);
        Writers = random.Next(3) == 0 ? 2 : 1;
        Steps = random.Next(200, 1500);
        Records = random.Next(10, 150);
        BatchRecords = random.Next(3) switch { 0 => 1, 1 => 4, _ => 30 };
        FileBytes = random.Next(3) switch { 0 => 300, 1 => 3000, _ => 1 << 20 };
        BatchBytes = random.Next(3) switch { 0 => 150, 1 => 1000, _ => 512 << 10 };
        StretchBytes = random.Next(3) switch { 0 => 100, 1 => 1000, _ => 1 << 20 };
        MaxInFlightBytes = random.Next(3) switch { 0 => 1, 1 => 1000, _ => 1 << 20 };
        CheckpointSeconds = random.Next(4);
        KeyPercent = random.Next(3) switch { 0 => 0, 1 => 50, _ => 100 };
        Magic = (byte)(random.Next(4) == 0 ? random.Next(2) : 2);
        StoredCodec = random.Next(3) == 0 ? CompressionType.Gzip : CompressionType.None;
        SendCodec = random.Next(4) == 0 ? CompressionType.Gzip : CompressionType.None;
        BadPercent = random.Next(3) == 0 ? 4 : 0;
        MaxBatchBytes = random.Next(4) == 0 ? 250 : 2000;
        _ages = random.Next(4);
        IsLong = random.Next(4) == 0;
        MakesTopicAgain = random.Next(8) == 0;
        AddsPartitions = random.Next(8) == 0;
        IsUnclean = random.Next(8) == 0;
        MayRead = random.Next(20) != 0;
    }

    public int Partitions { get; }

    public int Writers { get; }

    public int Steps { get; }

    public int Records { get; }

    public int BatchRecords { get; }

    public long FileBytes { get; }

    public int BatchBytes { get; }

    public int StretchBytes { get; }

    public long MaxInFlightBytes { get; }

    public int CheckpointSeconds { get; }

    public int KeyPercent { get; }

    public byte Magic { get; }

    public CompressionType StoredCodec { get; }

    public CompressionType SendCodec { get; }

    public int BadPercent { get; }

    public int MaxBatchBytes { get; }

    /// <summary>True: hours go by, so that brokers forget producers.</summary>
    public bool IsLong { get; }

    public bool MakesTopicAgain { get; }

    public bool AddsPartitions { get; }

    public bool IsUnclean { get; }

    public bool MayRead { get; }

    /// <summary>
    /// How old a record is when it is written. Records are written by age: where an old one follows a young one, the transport may take
    /// what brokers have forgotten for what they never had.
    /// </summary>
    /// <param name="record">The number of the record.</param>
    public TimeSpan Age(int record) => _ages switch
    {
        0 => TimeSpan.FromDays(3),
        1 when record < Records / 2 => TimeSpan.FromDays(2),
        _ => TimeSpan.Zero,
    };
}
