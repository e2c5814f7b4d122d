using KafkaLog.Format.Segments;
using Serilog.Core;
using Serilog.Events;

namespace KafkaLog.Sink;

/// <summary>
/// The sink behind <c>AuditTo.KafkaLog</c>: when the logging call returns, the event is on disk; otherwise the call throws.
/// </summary>
internal sealed class KafkaLogAuditSink : ILogEventSink, IDisposable
{
    private readonly LogWriter _writer;
    private readonly EventAppender _appender;

    /// <exception cref="ArgumentException">The options are wrong; the message lists every fault.</exception>
    public KafkaLogAuditSink(KafkaLogSinkOptions options)
    {
        options.ThrowIfInvalid();
        // Errors of the background thread belong to no caller: each caller waits for its own event.
        var failures = new FailureReport($"KafkaLog audit sink {options.Component} in {options.Directory}", options.TimeProvider);
        _writer = new LogWriter(options.ToWriterOptions(e => failures.Add(e.Message)));
        _appender = new EventAppender(options, Durability.Synced, _writer, failures.Add);
        if (options.TryGetWarning(Durability.Synced, out var warning))
        {
            failures.Say(warning);
        }
    }

    /// <exception cref="LogWriteException">The event is not safe on disk; the message says why.</exception>
    public void Emit(LogEvent logEvent)
    {
        if (!_appender.Append(logEvent))
        {
            throw new LogWriteException("The queue is full and the event was dropped (whenFull: Drop).", null, RecordState.NotTaken);
        }
    }

    public void Dispose() => _writer.Dispose();
}
