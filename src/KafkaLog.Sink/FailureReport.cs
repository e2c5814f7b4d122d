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

    private readonly object _gate = new();
    private long _lastLine;
    private bool _hasSpoken;
    private long _unreported;
    private string _lastReason = "";

    /// <summary>Counts a failure, and writes a line if one is due. Never throws.</summary>
    public void Add(string reason)
    {
        lock (_gate)
        {
            _unreported++;
            _lastReason = reason;
            if (!_hasSpoken || time.GetElapsedTime(_lastLine) >= Pause)
            {
                WriteLine();
            }
        }
    }

    /// <summary>Writes the line that is still owed, and <paramref name="summary"/> if there is one.</summary>
    public void Close(string? summary)
    {
        lock (_gate)
        {
            if (_unreported > 0)
            {
                WriteLine();
            }
        }
        if (summary is not null)
        {
            SelfLog.WriteLine("{0}: {1}", logName, summary);
        }
    }

    private void WriteLine()
    {
        string times = _unreported == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $" ({_unreported} failures since the last such line)");
        SelfLog.WriteLine("{0}: {1}{2}", logName, _lastReason, times);
        _unreported = 0;
        _hasSpoken = true;
        _lastLine = time.GetTimestamp();
    }
}
