using System.Globalization;
using Serilog.Debugging;

namespace KafkaLog.Sink;

/// <summary>
/// Tells SelfLog what went wrong: the first time at once, then at most one line in ten seconds, which says how often.
/// A full disk under a busy application must not become a second flood.
/// </summary>
internal sealed class FailureReport(string logName, TimeProvider time)
{
    /// <summary>Often enough for somebody who watches, seldom enough for a log of a night.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    // A handler of SelfLog that logs to the failing sink would come here again, and again.
    [ThreadStatic]
    private static bool _isSpeaking;

    private readonly object _gate = new();
    private long _lastLine;
    private bool _hasSpoken;
    private bool _isFailing;
    private long _unreported;
    private string _lastReason = "";

    /// <summary>Counts a failure, and writes a line if one is due. Never throws.</summary>
    public void Add(string reason)
    {
        string? line;
        lock (_gate)
        {
            _unreported++;
            _lastReason = reason;
            line = _isSpeaking || (_hasSpoken && time.GetElapsedTime(_lastLine) < Pause) ? null : TakeLine();
        }

        Write(line);
    }

    /// <summary>Says that what had failed is well again, if a failure was said.</summary>
    public void Recovered(string news)
    {
        bool wasFailing;
        string? owed;
        lock (_gate)
        {
            wasFailing = _isFailing;
            owed = wasFailing && _unreported > 0 ? TakeLine() : null;
            _isFailing = false;
            _hasSpoken = false; // the next failure is said at once
        }

        Write(owed);
        Write(wasFailing ? news : null);
    }

    /// <summary>Writes a line that is no failure.</summary>
    public void Say(string line) => Write(line);

    /// <summary>Writes the line that is still owed, and <paramref name="summary"/> if there is one.</summary>
    public void Close(string? summary)
    {
        string? owed;
        lock (_gate)
        {
            owed = _unreported > 0 ? TakeLine() : null;
        }

        Write(owed);
        Write(summary);
    }

    /// <summary>Under _gate.</summary>
    private string TakeLine()
    {
        var times = _unreported == 1
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" ({_unreported} failures since the last such line)");
        _unreported = 0;
        _hasSpoken = true;
        _isFailing = true;
        _lastLine = time.GetTimestamp();
        return _lastReason + times;
    }

    /// <summary>Without a lock: who listens to SelfLog may do what he likes, also throw.</summary>
    private void Write(string? line)
    {
        if (line is null || _isSpeaking)
        {
            return;
        }

        _isSpeaking = true;
        try
        {
            SelfLog.WriteLine("{0}: {1}", logName, line);
        }
#pragma warning disable CA1031 // The promise to the application: logging does not throw. There is nobody left to tell.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
        finally
        {
            _isSpeaking = false;
        }
    }
}
