using System.Globalization;
using System.Text;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

/// <summary>
/// Random runs of the real shipper and wire transport against a simulated cluster: brokers die, leaders change, connections break, and
/// the daemon is killed anywhere. KF_SEED=N runs one seed and prints its trace, KF_SEEDS=N so many seeds, KF_FIRST=N from that one on.
/// </summary>
public sealed class WireModelTests
{
    private const int Seeds = 80;

    [Fact]
    public void Every_record_arrives_once_and_in_order_whatever_dies()
    {
        SynchronizationContext.SetSynchronizationContext(null); // what waits goes on within the step that ends the wait
        var only = Setting("KF_SEED");
        var first = only ?? Setting("KF_FIRST") ?? 1;
        var count = only is null ? Setting("KF_SEEDS") ?? Seeds : 1;
        var failures = new List<string>();
        var (kills, present) = (0, 0);
        for (var seed = first; seed < first + count; seed++)
        {
            var trace = only is null ? null : new List<string>();
            try
            {
                using var run = new Run(seed, trace is null ? null : trace.Add);
                run.Go();
                kills += run.Kills;
                present += run.FoundPresent;
            }
            catch (Exception e)
            {
                failures.Add($"KF_SEED={seed}: {(only is null ? e.Message : e)}");
                if (trace is not null)
                {
                    failures.AddRange(trace);
                }
            }

            if (failures.Count >= 10)
            {
                break;
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
        if (only is null)
        {
            Assert.True(kills > count / 2 && present > count / 10, $"{kills} kills and {present} findings of records prove nothing");
        }
    }

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : null;

    private sealed class Run : IDisposable
    {
        private readonly Action<string>? _trace;
        private readonly Random _random;
        private readonly ManualTime _time = new(DateTimeOffset.UtcNow); // files get their times from the clock of the kernel
        private readonly SimulatedCluster _cluster;
        private readonly WireRig _rig;
        private readonly List<string> _written = [];
        private readonly List<(LogWriter Writer, string Name)> _writers = [];
        private readonly RunPlan _plan;
        private int _nextWriter;
        private int _nextRecord;

        public Run(int seed, Action<string>? trace)
        {
            _trace = trace;
            _random = new Random(seed);
            _plan = new RunPlan(_random);
            trace?.Invoke(_plan.ToString());
            _cluster = new SimulatedCluster(_random, _time, _plan.Partitions)
            {
                Trace = trace,
                HasFaults = true,
                MaxBatchBytes = _plan.MaxBatchBytes,
                MayRead = _plan.MayRead,
                IsUnclean = _plan.IsUnclean,
            };
            _rig = new WireRig(_time, _cluster)
            {
                Trace = trace,
                BatchBytes = _plan.BatchBytes,
                StretchBytes = _plan.StretchBytes,
                Codec = _plan.SendCodec is CompressionType.None ? null : CompressionCodecs.For(_plan.SendCodec),
                Options = new ShipperOptions
                {
                    CheckpointInterval = TimeSpan.FromSeconds(_plan.CheckpointSeconds),
                    MaxInFlightBytes = _plan.MaxInFlightBytes,
                },
            };
        }

        public int Kills { get; private set; }

        public int FoundPresent => _rig.Findings.Count(f => f.How.Contains("after the acknowledged", StringComparison.Ordinal));

        public void Go()
        {
            for (var i = 0; i < _plan.Writers; i++)
            {
                AddWriter();
            }

            _rig.Start();
            for (var step = 0; step < _plan.Steps; step++)
            {
                Step();
            }

            _writers.ForEach(w => w.Writer.Dispose());
            _writers.Clear();
            Settle();
            Check();
        }

        public void Dispose()
        {
            _writers.ForEach(w => w.Writer.Dispose());
            _rig.Dispose();
        }

        private void Step()
        {
            switch (_random.Next(200))
            {
                case < 12:
                    Append();
                    break;
                case < 50:
                    Turn(0);
                    break;
                case < 65:
                    _rig.RunBegun();
                    break;
                case < 185:
                    _cluster.Step();
                    break;
                case < 194:
                    Advance(TimeSpan.FromMilliseconds(_random.Next(1, 1500)));
                    break;
                case < 196:
                    Advance(TimeSpan.FromSeconds(_random.Next(1, 70)));
                    break;
                case 196:
                    Rare();
                    break;
                default:
                    Turn(_random.Next(1, 30));
                    break;
            }
        }

        private void Rare()
        {
            switch (_random.Next(4))
            {
                case 0 when _plan.MakesTopicAgain:
                    _cluster.CreateTopicAgain();
                    break;
                case 1 when _plan.AddsPartitions && _cluster.Topic.Partitions.Count < 4:
                    _cluster.AddPartition();
                    break;
                case 2:
                    Advance(TimeSpan.FromMinutes(_random.Next(1, 30)));
                    break;
                case 3 when _plan.IsLong:
                    Advance(TimeSpan.FromHours(_random.Next(1, 40)));
                    break;
                default:
                    ChangeWriter();
                    break;
            }
        }

        private void Advance(TimeSpan by)
        {
            _trace?.Invoke($"time: {by} go by");
            _time.Advance(by);
        }

        private void Turn(int killAfter)
        {
            if (!_rig.Turn(killAfter) || (killAfter > 0 && _random.Next(2) == 0))
            {
                _rig.Kill();
                Kills++;
                for (var i = _random.Next(20); i > 0; i--)
                {
                    _cluster.Step();
                }

                _rig.Start();
            }
        }

        private void AddWriter() => _writers.Add((
            new LogWriter(new LogWriterOptions
            {
                Directory = _rig.Logs,
                Component = _rig.Log.Component,
                FileSizeLimitBytes = _plan.FileBytes,
                Linger = TimeSpan.FromMinutes(1),
                Interval = TimeSpan.FromDays(1),
                Magic = _plan.Magic,
                Codec = _plan.StoredCodec,
            }),
            $"w{_nextWriter++}"));

        private void ChangeWriter()
        {
            _writers[0].Writer.Dispose();
            _writers.RemoveAt(0);
            AddWriter();
        }

        private void Append()
        {
            if (_written.Count > _plan.Records)
            {
                return;
            }

            var (writer, name) = _writers[_random.Next(_writers.Count)];
            for (var left = _random.Next(1, _plan.BatchRecords + 1); left > 0; left--)
            {
                var kind = _random.Next(100) < _plan.BadPercent ? (_random.Next(2) == 0 ? "bad" : "large") : "";
                var value = string.Create(CultureInfo.InvariantCulture, $"{name}:{_nextRecord++:D5}{kind}");
                if (kind == "large")
                {
                    value += new string('.', _plan.MaxBatchBytes);
                }

                _written.Add(value);
                var timestamp = (_time.GetUtcNow() - _plan.Age(_nextRecord)).ToUnixTimeMilliseconds();
                var bytes = Encoding.UTF8.GetBytes(value);
                writer.Append(_random.Next(100) < _plan.KeyPercent
                    ? new NewRecord(timestamp, Encoding.UTF8.GetBytes($"key {_random.Next(5)}"), bytes)
                    : new NewRecord(timestamp, bytes));
            }

            writer.Flush();
        }

        /// <summary>Faults are over. Everything left is shipped without help.</summary>
        private void Settle()
        {
            _trace?.Invoke("---- faults are over");
            _cluster.Heal();
            for (var i = 0; i < 3000; i++)
            {
                _rig.Turn();
                _rig.RunBegun();
                for (var j = 0; j < 60; j++)
                {
                    _cluster.Step();
                }

                Advance(TimeSpan.FromSeconds(i % 20 == 19 ? 30 : 1));
                if (i % 5 == 4 && _cluster.IsQuiet && IsDone())
                {
                    return;
                }
            }

            Assert.Fail(
                $"not done: {_rig.Status.State} {_rig.Status.Error}, {_rig.Status.LagBytes} bytes left, quiet: {_cluster.IsQuiet}; "
                + string.Join('\n', _cluster.Topic.Partitions));
        }

        /// <summary>Files of an older magic are not ours: they may grow again later.</summary>
        private bool IsDone() => _plan.Magic == 2 ? _rig.IsDone() : _rig.Status.LagBytes == 0;

        private void Check()
        {
            Assert.True(_rig.FalselyAcknowledged.Count == 0, $"falsely acknowledged: {Some(_rig.FalselyAcknowledged)}");
            var quarantined = _rig.Quarantined();
            var topics = _cluster.Deleted.Append(_cluster.Topic).ToList();
            var there = topics.SelectMany(t => t.Partitions).SelectMany(p => p.Committed).ToHashSet();
            var bad = _written.FindAll(v => v.Contains("bad", StringComparison.Ordinal));
            var refused = bad.Concat(_written.Where(v => v.Contains("large", StringComparison.Ordinal))).ToList();
            Assert.True(!there.Overlaps(bad), "a refused record is in the topic");
            var missing = _written.Except(there).Except(quarantined).ToList();
            Assert.True(missing.Count == 0, $"missing: {Some(missing)}");
            Assert.True(!quarantined.Except(refused).Any(), $"in quarantine: {Some([.. quarantined.Except(refused)])}");
            Assert.True(!bad.Except(quarantined).Any(), $"not in quarantine: {Some([.. bad.Except(quarantined)])}");

            var values = _cluster.Topic.Partitions.SelectMany(p => p.Values).ToList();
            var doubled = values.GroupBy(v => v).Where(v => v.Count() > 1).Select(v => v.Key).ToList();
            var isExact = _rig.Findings.All(f => f.IsExact);
            Assert.True(!isExact || doubled.Count == 0, $"doubled: {Some(doubled)}");
            Assert.True(
                values.Count - values.Distinct().Count() <= _rig.Status.PossibleDuplicates,
                $"{doubled.Count} doubled, {_rig.Status.PossibleDuplicates} said: {Some(doubled)}");

            var lost = _cluster.Topic.Partitions.SelectMany(p => p.Lost).Except(values).ToList();
            var told = _rig.Findings.Sum(f => f.Lost?.Records ?? 0);
            Assert.True(_plan.IsUnclean || told == 0, $"{told} told to be lost, but nothing was");
            Assert.True(lost.Count == 0 || told > 0 || !isExact, $"lost and not told: {Some(lost)}");
            if (doubled.Count == 0 && !_plan.IsUnclean)
            {
                CheckOrder();
            }
        }

        private void CheckOrder()
        {
            foreach (var partition in _cluster.Topic.Partitions)
            {
                foreach (var writer in partition.Values.GroupBy(v => v[..v.IndexOf(':', StringComparison.Ordinal)]))
                {
                    var order = writer.ToList();
                    Assert.True(
                        order.SequenceEqual(order.Order(StringComparer.Ordinal)),
                        $"partition {partition.Number} is not in order: {Some(order)}");
                }
            }
        }

        private static string Some(List<string> values) =>
            $"{values.Count} ({string.Join(", ", values.Take(8).Select(v => v.Length > 30 ? v[..30] : v))})";
    }
}
