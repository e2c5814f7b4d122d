using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace KafkaLog.Fuzz;

/// <summary>
/// Mutates the corpus over and over. An input that leads to something new (an outcome, a message, a magic with a codec and
/// a number of records not seen before) joins the corpus; one that breaks a promise is saved.
/// </summary>
internal sealed class Campaign : IDisposable
{
    private const int MaxCorpus = 5_000;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMinutes(1);

    private readonly int _seed;
    private readonly string _folder;
    private readonly Random _random;
    private readonly Mutator _mutator;
    private readonly Target _target = new();
    private readonly List<FuzzInput> _corpus = [.. Seeds.All()];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly HashSet<string> _findings = new(StringComparer.Ordinal);
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private FuzzInput? _running;
    private long _executions;
    private long _startedMs;
    private long _slowestMs;

    public Campaign(int seed, string folder)
    {
        _seed = seed;
        _folder = folder;
        _random = new Random(seed);
        _mutator = new Mutator(_random);
    }

    /// <summary>Runs for a time; returns the number of different findings.</summary>
    public int Run(TimeSpan time)
    {
        using var watchdog = new Timer(_ => LookForHang(), null, Hang, Hang / 4);
        var seeds = _corpus.ToList();
        Console.WriteLine($"seed {_seed}, {seeds.Count} inputs to start from");
        seeds.ForEach(Execute);
        var nextReport = ReportInterval;
        while (_watch.Elapsed < time)
        {
            var from = _corpus[_random.Next(4) == 0 ? _random.Next(seeds.Count) : _random.Next(_corpus.Count)];
            Execute(_mutator.Mutate(from, _corpus[_random.Next(_corpus.Count)]));
            if (_watch.Elapsed > nextReport)
            {
                nextReport += ReportInterval;
                Report();
            }
        }

        Report();
        return _findings.Count;
    }

    public void Dispose() => _target.Dispose();

    private void Execute(FuzzInput input)
    {
        Volatile.Write(ref _startedMs, _watch.ElapsedMilliseconds);
        Volatile.Write(ref _running, input);
        try
        {
            var isNew = false;
            foreach (var feature in _target.Run(input))
            {
                isNew |= _seen.Add(feature);
            }

            if (isNew && _corpus.Count < MaxCorpus)
            {
                _corpus.Add(input);
            }
        }
        catch (Exception e) // whatever it is, it is what is looked for
        {
            Found(input, e);
        }

        _executions++;
        _slowestMs = Math.Max(_slowestMs, _watch.ElapsedMilliseconds - _startedMs);
        Volatile.Write(ref _running, null);
    }

    private void Found(FuzzInput input, Exception e)
    {
        var where = string.Join(
            " < ", new StackTrace(e, true).GetFrames().Select(f => $"{f.GetMethod()?.DeclaringType?.Name}.{f.GetMethod()?.Name}").Take(4));
        if (_findings.Add($"{e.GetType().Name} {where}"))
        {
            var path = input.Save(_folder, Convert.ToHexStringLower(SHA256.HashData(input.Bytes))[..12]);
            Console.WriteLine($"FOUND {path}: {e.GetType().Name}: {e.Message}\n    {where}");
        }
    }

    private void LookForHang()
    {
        if (Volatile.Read(ref _running) is { } input && _watch.ElapsedMilliseconds - Volatile.Read(ref _startedMs) > Hang.TotalMilliseconds)
        {
            Console.WriteLine(
                $"FOUND {input.Save(_folder, "hang-" + Convert.ToHexStringLower(SHA256.HashData(input.Bytes))[..12])}: no end within "
                    + $"{Hang}");
            Environment.Exit(3);
        }
    }

    private void Report() => Console.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{_watch.Elapsed:hh\\:mm\\:ss} {_executions} executions ({_executions / _watch.Elapsed.TotalSeconds:F0}/s), "
                + $"{_seen.Count} features, corpus {_corpus.Count}, findings {_findings.Count}, most allocated "
                    + $"{_target.MostAllocatedBytes >> 20} MiB, slowest {_slowestMs} ms"));
}
