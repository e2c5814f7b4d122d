using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Reading;
using KafkaLog.Tool.Recovering;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Reading;

/// <summary>A segment whose writer may or may not live: it is final two minutes after its hour is over.</summary>
public sealed class UnknownWriterTests : IDisposable
{
    private static readonly DateTimeOffset Over = new(2026, 11, 21, 11, 2, 0, TimeSpan.Zero);
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new(Over - TimeSpan.FromSeconds(1));
    private readonly string _path;

    public UnknownWriterTests()
    {
        using var elsewhere = new TempFolder();
        _path = _folder.File("20261121_100000_3600_UTC-c.szn");
        File.Copy(SomeSegment.Write(elsewhere, 10), _path); // a copy holds no lock of the writer
        SomeSegment.Truncate(_path, new FileInfo(_path).Length - 3);
        File.SetLastWriteTimeUtc(_path, new DateTime(2026, 11, 21, 10, 30, 0, DateTimeKind.Utc));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_torn_tail_is_damage_only_after_the_interval_is_over()
    {
        using var scan = new SegmentScan(_path, _time);
        Assert.Equal(WriterState.Unknown, scan.ProbeWriter());
        Assert.Equal([ScanStep.Batch, ScanStep.End], [scan.Next(), scan.Next()]);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([ScanStep.Damage, ScanStep.End], [scan.Next(), scan.Next()]);
    }

    [Fact]
    public void Recover_refuses_it_until_the_interval_is_over()
    {
        using var source = SegmentHandle.OpenForReading(_path);
        var refused = Assert.Throws<UserErrorException>(() => RecoverCommand.ThrowIfNotFinal(_path, source, _time));
        Assert.Contains("wait until 2026-11-21 11:02:00 UTC, or use --force", refused.Message, StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromSeconds(1));
        RecoverCommand.ThrowIfNotFinal(_path, source, _time);
    }
}
