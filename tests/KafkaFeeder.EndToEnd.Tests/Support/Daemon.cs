using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>
/// The daemon as a process of its own, with a folder of its own for logs and state. It may be killed and started again;
/// its output over all its runs is in <see cref="Output"/>.
/// </summary>
public sealed partial class Daemon : IDisposable
{
    public static readonly string Program = TestRun.ProgramPath("src/KafkaFeeder.Daemon", "kafkafeeder");
    private const int SigHup = 1;
    private const int SigTerm = 15;

    private readonly StringBuilder _output = new();
    private readonly string _folder = TestRun.NewFolder("daemon");
    private readonly int _port = FreePort();
    private Process? _process;

    /// <param name="cluster">The brokers.</param>
    /// <param name="bootstrapServers">Which of their listeners it uses.</param>
    /// <param name="more">More of conf.yaml.</param>
    /// <param name="clientProperties">More properties of the group.</param>
    public Daemon(
        KafkaCluster cluster, string bootstrapServers, string more = "", IReadOnlyDictionary<string, string>? clientProperties = null)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        Directory.CreateDirectory(LogDir);
        var all = cluster.ClientProperties.Concat(clientProperties ?? new Dictionary<string, string>());
        var properties = string.Concat(all.Select(p => $"{p.Key}: {p.Value}, "));
        File.WriteAllText(ConfPath, $$"""
            log_dir: {{LogDir}}
            checkpoint_dir: {{_folder}}/state/checkpoint
            journal_dir: {{_folder}}/state/journal
            kafka_brokers:
              kafka:
                brokers: [{{bootstrapServers.Replace(",", ", ", StringComparison.Ordinal)}}]
                properties: { {{properties}}client.id: test }
            watcher: { interval: 1 }
            cleaner: { interval: 1 }
            status: { listen: "127.0.0.1:{{_port}}" }
            {{more}}
            """);
    }

    public Daemon(KafkaCluster cluster, string more = "")
        : this(cluster, cluster?.BootstrapServers ?? throw new ArgumentNullException(nameof(cluster)), more)
    {
    }

    /// <summary>
    /// Resets every connection that the daemon has to a broker: what was sent may have been stored, and its answer is lost.
    /// </summary>
    public async Task BreakConnectionsAsync()
    {
        var sockets = await ProgramRun.RunAsync("ss", ["-Htnp", "state", "established"], TimeSpan.FromSeconds(10));
        foreach (var line in sockets.Output.Split('\n').Where(l => l.Contains($"pid={_process!.Id},", StringComparison.Ordinal)))
        {
            var local = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
            await ProgramRun.RunAsync("ss", ["-K", "sport", "=", local[local.LastIndexOf(':')..]], TimeSpan.FromSeconds(10));
        }
    }

    public string LogDir => Path.Combine(_folder, "logs");

    public string StateDir => Path.Combine(_folder, "state", "checkpoint");

    public string ConfPath => Path.Combine(_folder, "conf.yaml");

    /// <summary>Its output, over all its runs.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public int ProcessId => _process!.Id;

    /// <summary>Resident memory in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            _process!.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Writes a kafkafeeder.yaml into the log directory, or one below it.</summary>
    public void ConfigureFile(string yaml, string below = "")
    {
        var folder = Directory.CreateDirectory(Path.Combine(LogDir, below)).FullName;
        File.WriteAllText(Path.Combine(folder, "kafkafeeder.yaml"), yaml);
    }

    /// <summary>Another text in conf.yaml; the next start reads it.</summary>
    public void ReplaceInConf(string text, string by) =>
        File.WriteAllText(ConfPath, File.ReadAllText(ConfPath).Replace(text, by, StringComparison.Ordinal));

    /// <summary>The smallest configuration of one log.</summary>
    public void Configure(string component, string topic, string settings = "") =>
        ConfigureFile($"topics:\n  {component}: {{ topic: {topic}, broker: kafka{(settings.Length > 0 ? ", " + settings : "")} }}\n");

    /// <summary>Starts it.</summary>
    /// <param name="environment">What it finds in its environment besides ours.</param>
    /// <param name="isHeard">False: nobody reads what it says, until <see cref="Hear"/>.</param>
    public void Start(IReadOnlyDictionary<string, string>? environment = null, bool isHeard = true)
    {
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(Program, ["-c", ConfPath]) { RedirectStandardError = true, RedirectStandardOutput = true },
        };
        process.ErrorDataReceived += Said;
        process.OutputDataReceived += Said;
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            process.StartInfo.Environment[name] = value;
        }

        process.Start();
        _process = process;
        if (isHeard)
        {
            Hear();
        }
    }

    /// <summary>Begins to read its output; until then the pipe fills up and makes the daemon wait.</summary>
    public void Hear()
    {
        _process!.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    /// <summary>SIGKILL, and the wait for its end.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await EndAsync();
    }

    /// <summary>SIGTERM, and the wait for its end. Returns the exit code.</summary>
    public async Task<int> StopAsync()
    {
        Signal(SigTerm);
        return await EndAsync();
    }

    /// <summary>SIGHUP: read every kafkafeeder.yaml again.</summary>
    public void Reload() => Signal(SigHup);

    /// <summary>A metric of one log; null while the daemon does not answer, or does not know the log.</summary>
    public async Task<double?> MetricAsync(string name, string component)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        try
        {
            var text = await client.GetStringAsync(new Uri($"http://127.0.0.1:{_port}/metrics"));
            var line = text.Split('\n').FirstOrDefault(l => l.StartsWith($"{name}{{log=\"{component}\"", StringComparison.Ordinal));
            return line is null ? null : double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>An answer over HTTP: code and text.</summary>
    public async Task<(int Code, string Text)> GetAsync(string path)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{_port}{path}"));
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Waits until a log is shipped to its end.</summary>
    public Task CaughtUpAsync(string component, long records, TimeSpan? limit = null) => UntilAsync(
        async () => await MetricAsync("kafkafeeder_lag_bytes", component) == 0
            && await MetricAsync("kafkafeeder_shipped_records_total", component) >= records,
        $"{component} is shipped to its end ({records} records)",
        limit);

    /// <summary>Waits until a condition holds; fails with the daemon's output.</summary>
    public Task UntilAsync(Func<Task<bool>> holds, string what, TimeSpan? limit = null) =>
        Eventually.HoldsAsync(holds, () => $"The daemon said:\n{Output}", limit, what);

    public Task UntilAsync(Func<bool> holds, string what, TimeSpan? limit = null) =>
        UntilAsync(() => Task.FromResult(holds()), what, limit);

    /// <summary>Runs one of its commands to the end.</summary>
    public Task<ProgramRun> CommandAsync(params string[] arguments) =>
        ProgramRun.RunAsync(Program, [.. arguments, "-c", ConfPath], TimeSpan.FromMinutes(2));

    /// <summary>A writer of a log in the log directory.</summary>
    public LogWriter Writer(string component, string below = "", TimeSpan? interval = null, long maxSegmentBytes = 1L << 30) =>
        new(new LogWriterOptions
    {
        Directory = Path.Combine(LogDir, below),
        Component = component,
        Interval = interval ?? TimeSpan.FromHours(1),
        FileSizeLimitBytes = maxSegmentBytes,
        Linger = TimeSpan.FromMilliseconds(10),
    });

    /// <summary>
    /// Numbered messages as the hole-checker reads them, from <paramref name="first"/> on, of some age; the key is the producer.
    /// </summary>
    public static void Append(LogWriter writer, int first, int count, int producer = 1, TimeSpan age = default)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var now = (TimeProvider.System.GetUtcNow() - age).ToUnixTimeMilliseconds();
        var key = Encoding.UTF8.GetBytes($"p{producer}");
        for (var n = first; n < first + count; n++)
        {
            writer.Append(new NewRecord(now, key, Encoding.UTF8.GetBytes($"run=t producer={producer} seq={n} {new string('x', 100)}")));
        }

        writer.Flush();
    }

    public string[] Segments(string below = "") =>
        [.. Directory.GetFiles(Path.Combine(LogDir, below), "*.szn").Order(StringComparer.Ordinal)];

    public string Ledger() =>
        File.Exists(Path.Combine(StateDir, "ledger.jsonl")) ? File.ReadAllText(Path.Combine(StateDir, "ledger.jsonl")) : "";

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process?.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);

    private void Signal(int signal)
    {
        if (SendSignal(_process!.Id, signal) != 0)
        {
            throw new InvalidOperationException(
                $"The daemon {_process.Id} could not be signalled (errno {Marshal.GetLastPInvokeError()}). It said:\n{Output}");
        }
    }

    private async Task<int> EndAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await _process!.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    private void Said(object sender, DataReceivedEventArgs line)
    {
        lock (_output)
        {
            _output.AppendLine(line.Data);
        }
    }
}
