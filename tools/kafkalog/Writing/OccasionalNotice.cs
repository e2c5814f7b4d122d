namespace KafkaLog.Tool.Writing;

/// <summary>
/// Reports something that happens often: at once, then at most every ten seconds, with the number of times. Thread-safe.
/// </summary>
/// <param name="say">Where to.</param>
/// <param name="time">The clock.</param>
internal sealed class OccasionalNotice(Action<string> say, TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private long? _said;
    private long _unsaid;
    private Func<long, string>? _text;

    /// <summary>How often it happened in all.</summary>
    public long Count { get; private set; }

    /// <summary>It happened <paramref name="count"/> times more.</summary>
    /// <param name="text">What to say; gets how often it was since it was said last.</param>
    /// <param name="count">At least 1.</param>
    /// <returns>True if it was said.</returns>
    public bool Add(Func<long, string> text, long count = 1)
    {
        lock (_lock)
        {
            Count += count;
            _unsaid += count;
            _text = text;
            if (_said is null || time.GetElapsedTime(_said.Value) >= Interval)
            {
                Say();
                return true;
            }

            return false;
        }
    }

    /// <summary>Reports what was not reported yet.</summary>
    public void Finish()
    {
        lock (_lock)
        {
            if (_unsaid > 0)
            {
                Say();
            }
        }
    }

    private void Say()
    {
        say(_text!(_unsaid));
        _unsaid = 0;
        _said = time.GetTimestamp();
    }
}
