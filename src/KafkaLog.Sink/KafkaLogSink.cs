using System.Globalization;
using KafkaLog.Format.Segments;
using Serilog.Core;
using Serilog.Events;

namespace KafkaLog.Sink;

/// <summary>
/// The sink behind <c>WriteTo.KafkaLog</c>. It never throws into the application: it reports errors to Serilog's SelfLog and
/// counts every lost event. To read the counters, create the sink yourself and pass it to <c>WriteTo.Sink</c>. Thread-safe;
/// the order of each thread's events is kept.
/// </summary>
public sealed class KafkaLogSink : ILogEventSink, IDisposable
{
    private readonly LogWriter _writer;
    private readonly EventAppender _appender;
    private readonly FailureReport _failures;
    private readonly object _closing = new();
    private long _emitted;
    private bool _isClosed;

    /// <summary>Creates a sink. Nothing is created on disk before the first event.</summary>
    /// <exception cref="ArgumentException">The options are wrong; the message lists every fault.</exception>
    public KafkaLogSink(KafkaLogSinkOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.ThrowIfInvalid();
        _failures = new FailureReport($"KafkaLog sink {options.Component} in {options.Directory}", options.TimeProvider);
        _writer = new LogWriter(options.ToWriterOptions(e => _failures.Add(e.Message)) with { OnRecovered = Recovered });
        _appender = new EventAppender(options, options.Durability, _writer, _failures.Add);
        if (options.TryGetWarning(options.Durability, out var warning))
        {
            _failures.Say(warning);
        }
    }

    /// <summary>Events that were given to the sink.</summary>
    public long EmittedEvents => Interlocked.Read(ref _emitted);

    /// <summary>Events that were handed to the operating system.</summary>
    public long WrittenEvents => _writer.WrittenRecords;

    /// <summary>
    /// Events that will never be written: dropped because the queue was full, refused because the queue was full and the disk
    /// refused writes, too large, impossible to render, or still queued when the sink was closed.
    /// </summary>
    public long LostEvents => Math.Max(0, EmittedEvents - (_isClosed ? WrittenEvents : _writer.AppendedRecords));

    /// <inheritdoc/>
    public void Emit(LogEvent logEvent)
    {
        try
        {
            if (!_appender.Append(logEvent))
            {
                _failures.Add("the queue is full; events are dropped (whenFull: Drop).");
            }
        }
        catch (LogWriteException e)
        {
            _failures.Add(FateOf(e.Record) + e.Message);
        }
#pragma warning disable CA1031 // The promise to the application: logging does not throw. Formatters may throw anything.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failures.Add($"an event is lost: {e.Message}");
        }
        finally
        {
            Interlocked.Increment(ref _emitted); // last, so that an event that is being written does not look lost
        }
    }

    private static string FateOf(RecordState record) => record switch
    {
        RecordState.Queued => "an event waits in memory until the disk accepts writes: ",
        RecordState.Written => "an event is written, but may be lost if the machine stops: ",
        _ => "an event is lost: ",
    };

    private void Recovered(long records) => _failures.Recovered(string.Create(
        CultureInfo.InvariantCulture,
        $"the disk accepts writes again; the {records} events that waited are written."));

    /// <summary>Writes what is queued and closes the segment.</summary>
    public void Dispose()
    {
        lock (_closing)
        {
            if (_isClosed)
            {
                return;
            }

            _writer.Dispose();
            _isClosed = true;
        }

        _failures.Close(LostEvents == 0 ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"closed with {LostEvents} of {EmittedEvents} events lost."));
    }
}
