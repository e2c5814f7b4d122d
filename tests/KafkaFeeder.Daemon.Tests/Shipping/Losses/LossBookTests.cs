using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Losses;

public sealed class LossBookTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly LogLines _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Refused_records_are_a_line_in_ten_seconds_and_those_between_are_counted()
    {
        var status = new LogStatus(SomeLog.In(_folder.Path), _folder.Path, _time);
        var space = new QuarantineSpace(_folder.Path, new QuarantineOptions(), _log, _time, _ => 1L << 40);
        var quarantine = new Quarantine(_folder.File("rejected"), "orders", space);
        using (var book = new LossBook(new Ledger(_folder.File("ledger.jsonl"), _time), quarantine, status.Directory, status.Options.Component, _log, _time))
        {
            Refuse(book, 3);
            Refuse(book, 2);
            Assert.Single(_log.All);
            _time.Advance(TimeSpan.FromSeconds(10));
            Refuse(book, 1);
            Assert.Equal(3, _log.All.Count);
            Assert.Contains("4", _log.All[1].Text, StringComparison.Ordinal);
            Refuse(book, 7);
            Assert.Equal(3, _log.All.Count);
        }

        Assert.Equal(4, _log.All.Count);
        Assert.Contains("7", _log.All[3].Text, StringComparison.Ordinal);
        Assert.Equal(13, File.ReadAllLines(_folder.File("ledger.jsonl")).Length);
    }

    private void Refuse(LossBook book, int records)
    {
        using var reader = SegmentReader.Open(SomeLog.Segment(_folder.Path, records));
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        var refused = book.Rejected(SomeBatch.Of(0, 0, records), bytes: 100);
        var each = new RecordBatchDecoder().Decode(reader.Batch.Span);
        for (var index = 0; each.MoveNext(); index++)
        {
            refused.Add(index, each.Current, "too large");
        }

        refused.Commit();
    }
}
