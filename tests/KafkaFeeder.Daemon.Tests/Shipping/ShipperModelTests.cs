using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>Random runs: appends, rolls, writers that start and end, outcomes of every kind, and crashes at any moment.</summary>
public sealed class ShipperModelTests
{
    private const int Seeds = 40;
    private const int Steps = 120;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void After_any_crashes_no_record_is_missing_and_all_duplicates_are_counted(bool keepsOrder)
    {
        var only = Setting("KF_SEED");
        var count = only is null ? Setting("KF_SEEDS") ?? Seeds : 1;
        var restarts = 0;
        var duplicates = 0;
        for (var seed = only ?? 1; seed < (only ?? 1) + count; seed++)
        {
            try
            {
                using var run = new Run(seed, keepsOrder);
                run.Go();
                restarts += run.Restarts;
                duplicates += run.Duplicates;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"KF_SEED={seed} keepsOrder={keepsOrder}: {e.Message}", e);
            }
        }

        if (only is null)
        {
            Assert.True(restarts > count && duplicates > count, $"{restarts} restarts and {duplicates} duplicates prove nothing");
        }
    }

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : null;

    private sealed class Run : IDisposable
    {
        private readonly ShippingRig _rig = new();
        private readonly Random _random;
        private readonly List<LogWriter> _writers = [];
        private readonly List<string> _appended = [];
        private readonly HashSet<string> _bad = [];

        public Run(int seed, bool keepsOrder)
        {
            _random = new Random(seed);
            _rig.Transport.KeepsOrder = keepsOrder;
            _rig.Transport.Refuses = _bad.Contains;
            _rig.Options = _rig.Options with
            {
                CheckpointInterval = TimeSpan.FromSeconds(_random.Next(3)),
                MaxInFlightBytes = _random.Next(3) switch { 0 => 1, 1 => 500, _ => 1 << 20 },
            };
            _writers.Add(_rig.Writer(600));
            _rig.Start();
        }

        public int Restarts { get; private set; }

        public int Duplicates { get; private set; }

        private FakeTransport Brokers => _rig.Transport;

        public void Go()
        {
            for (var step = 0; step < Steps; step++)
            {
                Step();
                AssertNoMoreDoubledThanSaid(atEnd: false);
            }

            _writers.ForEach(w => w.Dispose());
            _writers.Clear();
            Settle();
            var quarantined = _rig.Quarantined();
            Assert.Empty(_appended.Except(Brokers.Topic).Except(quarantined));
            Assert.Empty(Brokers.Topic.Except(_appended));
            Assert.Empty(quarantined.Except(_bad));
            Assert.All(_rig.Saved()!.Segments, s => Assert.True(s.IsDone, s.ToString()));
            Assert.Equal(0, _rig.Status.LagBytes);
            Assert.Equal(0, _rig.Status.InFlightBytes);
            Assert.All(_rig.Ledger(), e => Assert.Equal("rejected", e.Kind));
            Duplicates = AssertNoMoreDoubledThanSaid(atEnd: true);
        }

        public void Dispose()
        {
            _writers.ForEach(w => w.Dispose());
            _rig.Dispose();
        }

        private void Step()
        {
            switch (_random.Next(20))
            {
                case < 6:
                    Append();
                    break;
                case < 12:
                    _rig.Turn();
                    break;
                case < 15:
                    Answer();
                    break;
                case 15:
                    Fail();
                    break;
                case 16:
                    _rig.Time.Advance(TimeSpan.FromSeconds(_random.Next(1, 70)));
                    break;
                case 17:
                    Change();
                    break;
                case 18:
                    Brokers.AnswerAll();
                    break;
                default:
                    Crash();
                    break;
            }
        }

        private void Append()
        {
            var values = Enumerable.Range(_appended.Count, _random.Next(1, 6)).Select(n => $"record {n}").ToArray();
            _appended.AddRange(values);
            if (_random.Next(12) == 0)
            {
                _bad.Add(values[_random.Next(values.Length)]);
            }

            ShippingRig.Append(_writers[_random.Next(_writers.Count)], values);
        }

        /// <summary>Acknowledges a few batches: the first ones where order is kept, else any.</summary>
        private void Answer()
        {
            for (var i = _random.Next(1, 4); i > 0 && Brokers.InFlight.Count > 0; i--)
            {
                Brokers.Answer(Brokers.InFlight[Brokers.KeepsOrder ? 0 : _random.Next(Brokers.InFlight.Count)]);
            }
        }

        private void Fail()
        {
            if (Brokers.InFlight.Count == 0)
            {
                return;
            }

            var sending = Brokers.InFlight[_random.Next(Brokers.InFlight.Count)];
            if (sending.Values.Any(_bad.Contains))
            {
                Brokers.Fail(sending, OutcomeKind.Retriable);
                return;
            }

            var acknowledged = _random.Next(sending.Records.Count);
            var persisted = _random.Next(sending.Records.Count - acknowledged + 1);
            var kind = (OutcomeKind[])[OutcomeKind.Retriable, OutcomeKind.Held, OutcomeKind.Fatal, OutcomeKind.Unknown];
            Brokers.Fail(sending, kind[_random.Next(kind.Length)], acknowledged, persisted);
        }

        /// <summary>The brokers may have stored some of the batches in flight. Their acknowledgements are lost.</summary>
        private void Crash()
        {
            foreach (var sending in Brokers.InFlight.Where(s => !s.Values.Any(_bad.Contains) && _random.Next(2) == 0))
            {
                Brokers.Topic.AddRange(sending.Values);
            }

            _rig.Crash();
            _rig.Start();
            Restarts++;
        }

        /// <summary>A writer ends and another starts, or one more starts.</summary>
        private void Change()
        {
            if (_writers.Count == 3 || _random.Next(2) == 0)
            {
                _writers[0].Dispose();
                _writers.RemoveAt(0);
            }

            _writers.Add(_rig.Writer(_random.Next(100, 2_000)));
        }

        /// <summary>Faults are over. Everything left is shipped without help.</summary>
        private void Settle()
        {
            for (var i = 0; i < 500
                && !(i > 10 && _rig.Status.LagBytes == 0 && _rig.Saved() is { } saved && saved.Segments.All(s => s.IsDone)); i++)
            {
                _rig.Turn();
                Brokers.AnswerAll();
                _rig.Time.Advance(TimeSpan.FromSeconds(20));
            }

            _rig.Turn(2);
        }

        /// <summary>While a batch is in flight for the second time, the duplicates of its first time may not be reported yet.</summary>
        private int AssertNoMoreDoubledThanSaid(bool atEnd)
        {
            var doubled = Brokers.Topic.Count - Brokers.Topic.Distinct().Count();
            if (atEnd || Brokers.InFlight.Count == 0)
            {
                Assert.True(
                    doubled <= _rig.Status.PossibleDuplicates,
                    $"{doubled} records are doubled, {_rig.Status.PossibleDuplicates} were said to be");
            }

            return doubled;
        }
    }
}
