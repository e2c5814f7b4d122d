using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// The room for what cannot be shipped, shared by all logs: looks now and then at what lies there, whoever put it there or
/// took it away, and lets <see cref="QuarantineRoom"/> decide. Thread-safe.
/// </summary>
internal sealed class QuarantineSpace
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(10);

    /// <summary>Looking at very many files takes at most a hundredth of the time.</summary>
    private const int RestFactor = 100;

    private readonly Lock _lock = new();
    private readonly Lock _looking = new();
    private readonly string _root;
    private readonly QuarantineOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Func<string, long> _freeBytes;
    private readonly QuarantineRoom _room;
    private long? _lookedAt;
    private TimeSpan _rest = LookInterval;
    private readonly RepeatLimit _logged;
    private bool _isFullLogged;

    /// <param name="root">The directory of quarantine, with a directory for each log in it.</param>
    /// <param name="options">The limits.</param>
    /// <param name="logger">Logs when it is full, and when it has room again.</param>
    /// <param name="time">The clock.</param>
    /// <param name="freeBytes">What is free for this user on the file system of a directory; null: by statvfs.</param>
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

    /// <summary>What may lie there.</summary>
    public long LimitBytes => _options.MaxTotalBytes;

    /// <summary>What lies there.</summary>
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

    /// <summary>Why it is full, with what to do; null: it is not.</summary>
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

    /// <summary>Looks every few seconds.</summary>
    public Task RunAsync(LoopProgress turns, CancellationToken stopping) =>
        turns.RepeatAsync(LookIfDue, LookInterval, _time, stopping);

    /// <summary>What lies there of a log, by the directory of its quarantine.</summary>
    public long BytesOf(string directory)
    {
        lock (_lock)
        {
            return _room.BytesOf(Path.GetFileName(directory));
        }
    }

    /// <inheritdoc cref="QuarantineRoom.HasRoom"/>
    /// <exception cref="IOException">The file system does not say what is free.</exception>
    public bool HasRoom(string directory, long bytes, [NotNullWhen(false)] out string? reason)
    {
        LookIfDue();
        lock (_lock)
        {
            var hasRoom = _room.HasRoom(Path.GetFileName(directory), bytes, FreeBytes(), out reason);
            LogFull();
            return hasRoom;
        }
    }

    /// <inheritdoc cref="QuarantineRoom.TryTake"/>
    /// <exception cref="IOException">The file system does not say what is free.</exception>
    public bool TryTake(string directory, long bytes, [NotNullWhen(false)] out string? reason)
    {
        LookIfDue();
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

    /// <summary>Others do not wait for who looks, but for the first time.</summary>
    private void LookIfDue()
    {
        if (!IsDue())
        {
            return;
        }

        if (_lookedAt is null)
        {
            _looking.Enter();
        }
        else if (!_looking.TryEnter())
        {
            return;
        }

        try
        {
            if (IsDue())
            {
                Look();
            }
        }
        finally
        {
            _looking.Exit();
        }
    }

    private bool IsDue()
    {
        lock (_lock)
        {
            return _lookedAt is not { } at || _time.GetElapsedTime(at) >= _rest;
        }
    }

    private void Look()
    {
        lock (_lock)
        {
            _room.LookBegins();
        }

        var began = _time.GetTimestamp();
        var found = Found();
        lock (_lock)
        {
            _room.Looked(found, FreeBytes());
            _lookedAt = _time.GetTimestamp();
            var rest = RestFactor * _time.GetElapsedTime(began);
            _rest = rest > LookInterval ? rest : LookInterval;
            LogFull();
        }
    }

    /// <summary>By the directory in the root; what lies beside these counts as a log of its own.</summary>
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
            if (FileFacts.TryOf(path, out var facts, out _)) // or it went in this moment
            {
                var log = Path.GetRelativePath(_root, path).Split('/')[0];
                found[log] = found.GetValueOrDefault(log) + Math.Max(facts.DiskBytes, FileExtents.BlockBytes);
            }
        }

        return found;
    }

    /// <summary>Of where quarantine is, or will be.</summary>
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
            FeederLog.QuarantineHasRoom(_logger, _room.Bytes, LimitBytes);
        }
    }
}
