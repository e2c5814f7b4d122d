using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// The space of quarantine, shared by all logs. Scans the directory from time to time, since people add and remove files there, and
/// lets <see cref="QuarantineRoom"/> decide. Thread-safe.
/// </summary>
internal sealed class QuarantineSpace
{
    private static readonly TimeSpan ScanInterval = TimeSpan.FromSeconds(10);

    /// <summary>Scanning very many files takes at most one part in this many of the time.</summary>
    private const int RestFactor = 100;

    private readonly Lock _lock = new();
    private readonly Lock _scanning = new();
    private readonly string _root;
    private readonly QuarantineOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Func<string, long> _freeBytes;
    private readonly QuarantineRoom _room;
    private long? _scannedAt;
    private TimeSpan _rest = ScanInterval;
    private readonly RepeatLimit _logged;
    private bool _isFullLogged;

    /// <param name="root">The directory of quarantine, with a directory for each log in it.</param>
    /// <param name="options">The limits.</param>
    /// <param name="logger">Logs when it is full, and when it has room again.</param>
    /// <param name="time">The clock.</param>
    /// <param name="freeBytes">Returns the bytes that are free for this user on the file system of a directory; null: by statvfs.</param>
    public QuarantineSpace(string root, QuarantineOptions options, ILogger logger, TimeProvider time, Func<string, long>? freeBytes = null)
    {
        _root = root;
        _options = options;
        _logger = logger;
        _time = time;
        _logged = new RepeatLimit(time);
        _freeBytes = freeBytes ?? (directory => new DriveInfo(directory).AvailableFreeSpace);
        _room = new QuarantineRoom(root, options);
    }

    /// <summary>The most that quarantine may take, in bytes.</summary>
    public long LimitBytes => _options.MaxTotalBytes;

    /// <summary>What quarantine takes on disk, in bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _room.Bytes;
            }
        }
    }

    /// <summary>Why it is full, and what to do; null: it is not.</summary>
    public string? Full
    {
        get
        {
            lock (_lock)
            {
                return _room.Full;
            }
        }
    }

    /// <summary>Scans every ten seconds, or less often if a scan takes long.</summary>
    public Task RunAsync(LoopProgress progress, CancellationToken stopping) =>
        progress.RepeatAsync(ScanIfDue, ScanInterval, _time, stopping);

    /// <summary>What quarantine of a log takes on disk, in bytes, given its directory in quarantine.</summary>
    public long BytesOf(string directory)
    {
        lock (_lock)
        {
            return _room.BytesOf(Path.GetFileName(directory));
        }
    }

    /// <inheritdoc cref="QuarantineRoom.HasRoom"/>
    /// <exception cref="IOException">The free space cannot be determined.</exception>
    public bool HasRoom(string directory, long bytes, [NotNullWhen(false)] out string? reason)
    {
        ScanIfDue();
        lock (_lock)
        {
            var hasRoom = _room.HasRoom(Path.GetFileName(directory), bytes, FreeBytes(), out reason);
            LogFull();
            return hasRoom;
        }
    }

    /// <inheritdoc cref="QuarantineRoom.TryTake"/>
    /// <exception cref="IOException">The free space cannot be determined.</exception>
    public bool TryTake(string directory, long bytes, [NotNullWhen(false)] out string? reason)
    {
        ScanIfDue();
        lock (_lock)
        {
            var isTaken = _room.TryTake(Path.GetFileName(directory), bytes, FreeBytes(), out reason);
            LogFull();
            return isTaken;
        }
    }

    /// <inheritdoc cref="QuarantineRoom.Written"/>
    public void Written(string directory)
    {
        lock (_lock)
        {
            _room.Written(Path.GetFileName(directory));
        }
    }

    /// <summary>Scans if it is due. If another thread is scanning, returns at once, except during the first scan.</summary>
    private void ScanIfDue()
    {
        if (!IsDue())
        {
            return;
        }

        if (_scannedAt is null)
        {
            _scanning.Enter();
        }
        else if (!_scanning.TryEnter())
        {
            return;
        }

        try
        {
            if (IsDue())
            {
                Scan();
            }
        }
        finally
        {
            _scanning.Exit();
        }
    }

    private bool IsDue()
    {
        lock (_lock)
        {
            return _scannedAt is not { } at || _time.GetElapsedTime(at) >= _rest;
        }
    }

    private void Scan()
    {
        lock (_lock)
        {
            _room.ScanBegins();
        }

        var began = _time.GetTimestamp();
        var found = Found();
        lock (_lock)
        {
            _room.Scanned(found, FreeBytes());
            _scannedAt = _time.GetTimestamp();
            var rest = RestFactor * _time.GetElapsedTime(began);
            _rest = rest > ScanInterval ? rest : ScanInterval;
            LogFull();
        }
    }

    /// <summary>Bytes by directory in the root. A file directly in the root counts as a log of its own.</summary>
    private Dictionary<string, long> Found()
    {
        var found = new Dictionary<string, long>(StringComparer.Ordinal);
        if (!Directory.Exists(_root))
        {
            return found;
        }

        var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (var path in Directory.EnumerateFiles(_root, "*", all))
        {
            if (FileFacts.TryOf(path, out var facts, out _)) // false: it has just been removed
            {
                var log = Path.GetRelativePath(_root, path).Split('/')[0];
                found[log] = found.GetValueOrDefault(log) + Math.Max(facts.DiskBytes, FileExtents.BlockBytes);
            }
        }

        return found;
    }

    /// <summary>Free bytes of the file system where quarantine is, or will be.</summary>
    private long FreeBytes() => _freeBytes(Directory.Exists(_root) ? _root : Path.GetDirectoryName(_root)!);

    private void LogFull()
    {
        if (_room.Full is { } reason)
        {
            if (_logged.TryTake())
            {
                _isFullLogged = true;
                FeederLog.QuarantineFull(_logger, reason);
            }
        }
        else if (_isFullLogged)
        {
            _isFullLogged = false;
            FeederLog.QuarantineHasRoom(_logger, Words.Bytes(_room.Bytes), Words.Bytes(LimitBytes));
        }
    }
}
