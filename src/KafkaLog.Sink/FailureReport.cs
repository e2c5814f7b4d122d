using System.Globalization;
using Serilog.Debugging;

namespace KafkaLog.Sink;

/// <summary>
/// Reports failures to SelfLog: the first at once, then at most one line in ten seconds, with the number of failures.
/// A full disk under a busy application must not flood SelfLog.
/// </summary>
internal sealed class FailureReport(string logName, TimeProvider time)
{
    /// <summary>Often enough for somebody who watches, and few enough lines after a night.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    // Without this, a SelfLog handler that logs to the failing sink would recurse without end.
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

    /// <summary>Reports the recovery, if a failure was reported.</summary>
    public void Recovered(string news)
    {
        bool wasFailing;
        string? owed;
        lock (_gate)
        {
            wasFailing = _isFailing;
            owed = wasFailing && _unreported > 0 ? TakeLine() : null;
            _isFailing = false;
            _hasSpoken = false; // the next failure is reported at once
        }

        Write(owed);
        Write(wasFailing ? news : null);
    }

    /// <summary>Writes a line that is not about a failure.</summary>
    public void Say(string line) => Write(line);

    /// <summary>Reports failures that no line has reported yet, then <paramref name="summary"/>, if there is one.</summary>
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

    /// <summary>Called under _gate.</summary>
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

    /// <summary>Called without a lock: a SelfLog handler may do anything, also throw.</summary>
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
#pragma warning disable CA1031 // The promise to the application: logging does not throw. There is nowhere left to report it.
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
