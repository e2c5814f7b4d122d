using KafkaLog.Format;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.CommandLine;

namespace KafkaLog.Tool.Writing;

/// <summary>
/// Writes records and returns when they are as safe as was asked for. If the disk refuses (full, failing), it tries again
/// until they are written: meanwhile nothing more is read, so senders have to wait. One thread uses it.
/// </summary>
internal sealed class PatientWriter : IDisposable
{
    private readonly LogWriter _writer;
    private readonly Durability _durability;
    private readonly TimeProvider _time;
    private readonly CancellationToken _stop;
    private readonly RetryPace _pace;
    private readonly OccasionalNotice _failures;
    private readonly OccasionalNotice _background;
    private long _failingSince;
    private volatile bool _isFailing;
    private bool _isFailureSaid;
    private long _refused;

    /// <param name="options">Where and how; errors are reported on standard error.</param>
    /// <param name="durability">How safe records are to be.</param>
    /// <param name="stop">Cancelled when the program was told to stop: a disk that still refuses after that is given up soon.</param>
    /// <exception cref="UnsupportedBatchException">The codec's native library is not installed.</exception>
    public PatientWriter(LogWriterOptions options, Durability durability, CancellationToken stop)
    {
        _time = options.TimeProvider;
        _durability = durability;
        _stop = stop;
        _pace = new RetryPace(_time);
        _failures = new OccasionalNotice(ErrorOutput.Say, _time);
        _background = new OccasionalNotice(ErrorOutput.Say, _time);
        _writer = new LogWriter(options with { OnError = ReportBackground });
    }

    /// <summary>Records that were read and could not be written. Known when it is disposed.</summary>
    public long LostRecords => _refused + _writer.DroppedRecords;

    /// <summary>True once it has given up on the disk: not everything is as safe as was asked for.</summary>
    public bool HasGivenUp { get; private set; }

    /// <summary>Returns when the records of all sources are safe, or it has given up on the disk.</summary>
    public void Store(params ReadOnlySpan<IRecordSource> sources)
    {
        do
        {
            foreach (var source in sources)
            {
                source.AppendTo(this);
            }
        }
        while (!TryMakeSafe(_durability));
    }

    /// <summary>Appends a record; for sources.</summary>
    public void Append(in NewRecord record)
    {
        while (!HasGivenUp)
        {
            try
            {
                _writer.Append(record);
                return;
            }
            catch (IOException e)
            {
                Pause(e, writesAgain: false);
            }
        }

        _refused++;
    }

    /// <summary>Writes what is buffered and closes the segment.</summary>
    public void Dispose()
    {
        TryMakeSafe(_durability == Durability.Buffered ? Durability.Flushed : _durability);
        _writer.Dispose();
    }

    /// <summary>
    /// False: the records have to be appended again. After a failed fsync the file may have lost them although it says
    /// otherwise; the writer has left it, and the next attempt goes to a new one. So they may be there twice, but are never missing.
    /// </summary>
    private bool TryMakeSafe(Durability durability)
    {
        while (!HasGivenUp)
        {
            try
            {
                _writer.Flush(durability);
                Recovered();
                return true;
            }
            catch (IOException e)
            {
                var isSyncFailure = e is DurabilityException || e.InnerException is DurabilityException;
                Pause(e, isSyncFailure);
                if (isSyncFailure && !HasGivenUp)
                {
                    return false;
                }
            }
        }

        return true;
    }

    private void Pause(IOException e, bool writesAgain)
    {
        if (!_isFailing)
        {
            _isFailing = true;
            _failingSince = _time.GetTimestamp();
        }

        _isFailureSaid |= _failures.Add(
            _ => $"{e.Message.TrimEnd('.')}. What was read is kept, and tried again every second; nothing more is read until it is "
                + "written.");
        if (_pace.AfterFailure(writesAgain, _stop.IsCancellationRequested) is not { } delay)
        {
            HasGivenUp = true;
        }
        else if (_stop.IsCancellationRequested)
        {
            Thread.Sleep(delay); // the token is cancelled already, so waiting for it would return at once
        }
        else
        {
            _stop.WaitHandle.WaitOne(delay);
        }
    }

    private void Recovered()
    {
        if (!_isFailing)
        {
            return;
        }

        _isFailing = false;
        _pace.Reset();
        if (_isFailureSaid)
        {
            ErrorOutput.Say($"written again, after {_time.GetElapsedTime(_failingSince).TotalSeconds:0} s.");
            _isFailureSaid = false;
        }
    }

    /// <summary>Called from the writer's thread. What fails there fails here, too, as soon as more is written.</summary>
    private void ReportBackground(LogWriteException e)
    {
        if (!_isFailing)
        {
            _background.Add(_ => e.Message);
        }
    }
}
