using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Losses;

public sealed class LossRecorderTests : IDisposable
{
    private const string Refused = "20261121_100000_3600_UTC-orders.szn";

    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly LogLines _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Refused_records_are_logged_every_ten_seconds_with_the_count_between()
    {
        using (var book = Book())
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

    /// <summary>Logs and segments of one name can be in many directories, so each line names the directory.</summary>
    [Fact]
    public void Each_loss_line_names_the_directory()
    {
        var segment = Path.GetFileName(SomeLog.Segment(_folder.Path));
        using (var book = Book())
        using (var file = File.OpenHandle(_folder.File(segment)))
        {
            book.Damaged(file, segment, new SegmentDamage(10, 20, IsTornTail: true, "cut"));
            book.Damaged(file, segment, new SegmentDamage(10, 20, IsTornTail: false, "bad CRC"));
            book.Lost(segment, 20, 30, "deleted");
            book.Cut(segment, 5, 10, 20, "cut");
            Refuse(book, 2);
        }

        Assert.Equal([501, 502, 503, 503, 504, 505], _log.All.Select(l => l.Id));
        var start = $"{_folder.File(segment)}: ";
        Assert.All(_log.All.Where(l => l.Id <= 503), l => Assert.StartsWith(start, l.Text, StringComparison.Ordinal));
        Assert.StartsWith($"orders: {_folder.File(Refused)}: ", Assert.Single(_log.Of(504)), StringComparison.Ordinal);
        Assert.StartsWith($"orders in {_folder.Path}: 1 more ", Assert.Single(_log.Of(505)), StringComparison.Ordinal);
    }

    private LossRecorder Book()
    {
        var space = new QuarantineSpace(_folder.Path, new QuarantineOptions(), _log, _time, _ => 1L << 40);
        var quarantine = new Quarantine(_folder.File("rejected"), "orders", space);
        return new LossRecorder(new Ledger(_folder.File("ledger.jsonl"), _time), quarantine, _folder.Path, "orders", _log, _time);
    }

    private void Refuse(LossRecorder book, int records)
    {
        using var reader = SegmentReader.Open(SomeLog.Segment(_folder.Path, records));
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        var refused = book.Rejected(SomeBatch.Of(0, 0, records, Refused), bytes: 100, []);
        var each = new RecordBatchDecoder().Decode(reader.Batch.Span);
        for (var index = 0; each.MoveNext(); index++)
        {
            refused.Add(index, each.Current, "too large");
        }

        refused.Commit();
    }
}
