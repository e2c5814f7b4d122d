using System.Text;
using System.Text.Json;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>
/// A log on a real disk, a shipper, and brokers that the test controls. After each turn it checks that the checkpoint on
/// disk is not ahead of what was acknowledged or set aside.
/// </summary>
internal sealed class ShippingRig : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StateDirectory _state;
    private CheckpointStore? _store;

    public ShippingRig()
    {
        Logs = _folder.File("logs");
        Directory.CreateDirectory(Logs);
        Log = SomeLog.In(Logs);
        _state = new StateDirectory(_folder.File("checkpoint"), _folder.File("journal"));
        _state.Create();
        Status = new LogStatus(Log, Logs, Time);
        Turns = new Loops(Time).Enter("the shipper");
    }

    /// <summary>The directory of the segments.</summary>
    public string Logs { get; }

    /// <summary>The problems found when checkpoints were read.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>The size of the changes, in bytes, at which a snapshot of the checkpoints is written.</summary>
    public long MaxChangesBytes { get; set; } = CheckpointStore.DefaultMaxChangesBytes;

    public string CheckpointDirectory => _folder.File("checkpoint");

    public string JournalDirectory => _folder.File("journal");

    public LogOptions Log { get; set; }

    public ShipperOptions Options { get; set; } = new() { CheckpointInterval = TimeSpan.Zero };

    /// <summary>How many bytes quarantine may hold, from the next start on.</summary>
    public QuarantineOptions Quarantine { get; set; } = new();

    /// <summary>The quarantine room of the current run.</summary>
    public QuarantineSpace? Space { get; private set; }

    /// <summary>The free bytes on the disk of the checkpoints.</summary>
    public long FreeBytes { get; set; } = 1L << 40;

    /// <summary>The lines that the shipper logged, also about losses and quarantine.</summary>
    public LogLines Lines { get; } = new();

    public InFlightBudget Budget { get; } = new((_, _) => 64 << 20);

    public ManualTime Time { get; } = new(DateTimeOffset.UtcNow); // files get their times from the clock of the kernel

    /// <summary>The loop of the shipper, where its turns report progress.</summary>
    public LoopProgress Turns { get; }

    public FakeTransport Transport { get; } = new();

    /// <summary>The status of the current run, or of the last one.</summary>
    public LogStatus Status { get; private set; }

    public Shipper? Shipper { get; private set; }

    /// <summary>A writer of the log. It lives until it is disposed of.</summary>
    public LogWriter Writer(long maxSegmentBytes = 1 << 20) => new(new LogWriterOptions
    {
        Directory = Logs,
        Component = Log.Component,
        FileSizeLimitBytes = maxSegmentBytes,
        Linger = TimeSpan.FromMinutes(1),
        MaxRecordBytes = 64 << 20,
        Interval = TimeSpan.FromDays(1),
    });

    /// <summary>Writes a finished segment with a batch for each of these lists of records, and returns its path.</summary>
    public string Segment(params string[][] batches)
    {
        using (var writer = Writer())
        {
            foreach (var batch in batches)
            {
                Append(writer, batch);
            }
        }

        return Directory.GetFiles(Logs, "*.szn").Order(StringComparer.Ordinal).Last();
    }

    /// <summary>Appends a batch of these records.</summary>
    public static void Append(LogWriter writer, params string[] values)
    {
        foreach (var value in values)
        {
            writer.Append(new NewRecord(1_000, Encoding.UTF8.GetBytes(value)));
        }

        writer.Flush();
    }

    /// <summary>Begins a run, as the daemon does at its start.</summary>
    public Shipper Start()
    {
        var ledger = new Ledger(_state.LedgerPath, Time);
        Status = new LogStatus(Log, Logs, Time, ledger.AccountOf(Logs, Log.Component));
        _store = CheckpointStore.Open(_state.CheckpointDirectory, Problems.Add, MaxChangesBytes, commitsInline: true);
        var opening = CheckpointKeeper.OpenAsync(
            _store, _state, Logs, Log.Component, Options.CheckpointInterval, NullLogger.Instance, Time);
        Assert.True(opening.IsCompleted); // the store commits inline
        var keeper = opening.GetAwaiter().GetResult();
        Space = new QuarantineSpace(_state.RejectedRoot, Quarantine, Lines, Time, _ => FreeBytes);
        var book = new LossRecorder(ledger, new Quarantine(RejectedDirectory, Log.Component, Space), Logs, Log.Component, Lines, Time);
        var set = new SegmentSet(new DirectoryListing(Logs, Time), Log.Component);
        IBatchSource Open(Action<FileReset> onReset) => new LogCursor(Logs, set, keeper.TakeStart(), book, Time, onReset);
        return Shipper = new Shipper(Options, Transport, Budget, keeper, Open, book, Status, Lines, Time);
    }

    /// <summary>Ends the run as by SIGKILL: nothing is saved, and no outcome is handled any more.</summary>
    public void Crash()
    {
        Shipper?.Dispose();
        Shipper = null;
        _store?.Dispose();
        _store = null;
        Transport.InFlight.Clear();
    }

    /// <summary>Runs this many turns.</summary>
    public void Turn(int count = 1)
    {
        for (var i = 0; i < count; i++)
        {
            Shipper!.RunOnce();
            AssertNotAhead();
        }
    }

    /// <summary>Runs turns, a second apart, and acknowledges everything, until nothing is left to do.</summary>
    public void Drain(int turns = 30)
    {
        for (var i = 0; i < turns; i++)
        {
            Turn();
            Transport.AnswerAll();
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        Turn();
    }

    /// <summary>The checkpoint as it is on disk.</summary>
    public Checkpoint? Saved()
    {
        var saved = CheckpointFiles.Load(_state.CheckpointDirectory, Problems.Add).GetValueOrDefault((Logs, Log.Component))?.Snapshot();
        return saved is { Generation: > 0 } ? saved : null;
    }

    public SegmentCheckpoint Saved(string segment) => Saved()!.Segments.Single(s => s.Name == Path.GetFileName(segment));

    /// <summary>The ledger, as <c>kind reason</c> with the positions.</summary>
    public List<(string Kind, string Segment, long Position, long EndPosition, string Reason)> Ledger() =>
        !File.Exists(_state.LedgerPath) ? [] :
        [
            .. File.ReadAllLines(_state.LedgerPath).Select(line => JsonDocument.Parse(line).RootElement).Select(e => (
                e.GetProperty("kind").GetString()!,
                e.GetProperty("segment").GetString()!,
                e.GetProperty("position").GetInt64(),
                e.GetProperty("endPosition").GetInt64(),
                e.GetProperty("reason").GetString()!)),
        ];

    public string LedgerPath => _state.LedgerPath;

    public string RejectedDirectory => _state.RejectedDirectory(Logs, Log.Component);

    /// <summary>The values in quarantine.</summary>
    public List<string> Quarantined()
    {
        var values = new List<string>();
        if (Directory.Exists(RejectedDirectory))
        {
            foreach (var path in Directory.GetFiles(RejectedDirectory, "*.szn").Order(StringComparer.Ordinal))
            {
                values.AddRange(ValuesOf(path));
            }
        }

        return values;
    }

    /// <summary>The values of the records in a segment.</summary>
    public static List<string> ValuesOf(string path)
    {
        var values = new List<string>();
        using var reader = SegmentReader.Open(path);
        while (reader.TryRead() == SegmentReadStatus.Batch)
        {
            var each = new RecordBatchDecoder().Decode(reader.Batch.Span);
            while (each.MoveNext())
            {
                values.Add(Encoding.UTF8.GetString(each.Current.Value));
            }
        }

        return values;
    }

    /// <summary>The positions of the batches in a segment.</summary>
    public static List<(long Position, RecordBatchHeader Header)> BatchesOf(string path)
    {
        var batches = new List<(long, RecordBatchHeader)>();
        using var reader = SegmentReader.Open(path);
        while (true)
        {
            switch (reader.TryRead())
            {
                case SegmentReadStatus.Batch:
                    batches.Add((reader.BatchPosition, reader.Header));
                    break;
                case SegmentReadStatus.Corrupt:
                    reader.Pass(reader.Damage!);
                    break;
                default:
                    return batches;
            }
        }
    }

    public void Dispose()
    {
        Crash();
        _folder.Dispose();
    }

    private void AssertNotAhead()
    {
        if (!Directory.Exists(CheckpointDirectory) || Saved() is not { } saved)
        {
            return;
        }

        HashSet<string>? quarantined = null;
        var damaged = Ledger().Where(e => e.Kind == "damaged").Select(e => (e.Segment, e.Position)).ToHashSet();
        foreach (var segment in saved.Segments)
        {
            var path = Path.Combine(Logs, segment.Name);
            if (!File.Exists(path))
            {
                continue;
            }

            foreach (var (position, header) in BatchesOf(path).Where(
                b => b.Position <= segment.Acknowledged.Position && !damaged.Contains((segment.Name, b.Position))))
            {
                var records = position < segment.Acknowledged.Position ? header.RecordsCount : segment.Acknowledged.Record;
                for (var i = 0; i < records; i++)
                {
                    if (!Transport.Acknowledged.Contains((segment.Name, header.BaseOffset + i)))
                    {
                        quarantined ??= [.. Quarantined()];
                        Assert.True(
                            quarantined.Contains(ValuesOf(path)[(int)header.BaseOffset + i]),
                            $"The checkpoint is at {segment.Acknowledged}, but offset {header.BaseOffset + i} of {segment.Name} is neither "
                                + "acknowledged nor in quarantine.");
                    }
                }
            }
        }
    }
}
