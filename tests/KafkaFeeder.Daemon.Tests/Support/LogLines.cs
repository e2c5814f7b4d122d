using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>The lines that were logged, with the numbers of their events. Thread-safe.</summary>
internal sealed class LogLines : ILogger
{
    private readonly List<(int Id, string Text)> _lines = [];

    public IReadOnlyList<(int Id, string Text)> All
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Called with the number of each event on the thread that logs it, while it logs.</summary>
    public Action<int>? OnLine { get; set; }

    /// <summary>The lines of one event.</summary>
    public string[] Of(int id) => [.. All.Where(l => l.Id == id).Select(l => l.Text)];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add((eventId.Id, formatter(state, exception)));
        }

        OnLine?.Invoke(eventId.Id);
    }
}
