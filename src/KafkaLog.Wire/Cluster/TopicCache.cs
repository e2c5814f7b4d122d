using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Cluster;

/// <summary>
/// What is known of topics, and when they are to be asked for again. Pure: times are timestamps of the clock. Not thread-safe.
/// </summary>
/// <param name="time">The clock, for the unit of its timestamps.</param>
internal sealed class TopicCache(TimeProvider time)
{
    /// <summary>What is known of a topic is asked for again when it is used after this time, as partitions may be added. The same
    /// default as <c>metadata.max.age.ms</c> of Kafka's clients.</summary>
    public static readonly TimeSpan RefreshAfter = TimeSpan.FromMinutes(5);

    /// <summary>A topic is asked for no more often than this; an error, or that a partition has no leader, is believed no longer.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>What was not used for so long is forgotten, so that the cache does not grow.</summary>
    public static readonly TimeSpan UnusedAfter = TimeSpan.FromMinutes(30);

    private readonly Dictionary<string, Entry> _topics = new(StringComparer.Ordinal);

    /// <summary>Topics that are kept.</summary>
    public int Count => _topics.Count;

    /// <summary>What is known of a topic, and what to do before it is used.</summary>
    public TopicLook Look(string topic, long now)
    {
        if (!_topics.TryGetValue(topic, out var entry))
        {
            return new TopicLook(null, TopicStep.Ask, TimeSpan.Zero);
        }

        entry.UsedAt = now;
        var sinceAsked = time.GetElapsedTime(entry.AskedAt, now);
        var mayAsk = entry.IsBeingAsked || sinceAsked >= RetryAfter; // while it is being asked for, asking is joining
        if (entry.IsWrong || entry.Known is not { } known)
        {
            return mayAsk
                ? new TopicLook(null, TopicStep.Ask, TimeSpan.Zero)
                : new TopicLook(null, TopicStep.Wait, RetryAfter - sinceAsked);
        }

        var isFresh = time.GetElapsedTime(entry.AnsweredAt, now) < (known.IsWhole ? RefreshAfter : RetryAfter);
        var step = isFresh || !mayAsk ? TopicStep.Use : known.IsWhole ? TopicStep.UseAndAsk : TopicStep.Ask;
        return new TopicLook(known, step, TimeSpan.Zero);
    }

    /// <summary>The last answer, if nobody has said since that it is wrong.</summary>
    public TopicMetadata? Answer(string topic) => _topics.TryGetValue(topic, out var entry) && !entry.IsWrong ? entry.Known : null;

    /// <summary>What is known of it is wrong.</summary>
    public void Forget(string topic)
    {
        if (_topics.TryGetValue(topic, out var entry))
        {
            entry.TimesWrong++;
        }
    }

    /// <summary>Topics are asked for now.</summary>
    public void Asked(IReadOnlyCollection<string> topics, long now)
    {
        foreach (var topic in topics)
        {
            if (!_topics.TryGetValue(topic, out var entry))
            {
                _topics[topic] = entry = new Entry { UsedAt = now };
            }

            entry.AskedAt = now;
            entry.WrongWhenAsked = entry.TimesWrong;
            entry.IsBeingAsked = true;
        }
    }

    /// <summary>The answer came. What was called wrong after they were asked for is still wrong.</summary>
    /// <param name="topics">Those that were asked for. One that is not in the answer does not exist.</param>
    /// <param name="answer">The answer; topics that nobody asked for are not kept.</param>
    /// <param name="now">The time.</param>
    public void Answered(IReadOnlyCollection<string> topics, IReadOnlyList<TopicMetadata> answer, long now)
    {
        var found = answer.DistinctBy(t => t.Name).ToDictionary(t => t.Name, StringComparer.Ordinal);
        foreach (var topic in topics)
        {
            if (_topics.TryGetValue(topic, out var entry))
            {
                entry.Answered(
                    found.GetValueOrDefault(topic) ?? new TopicMetadata(KafkaError.UnknownTopicOrPartition, topic, Guid.Empty, []), now);
            }
        }

        foreach (var (topic, _) in _topics.Where(t => time.GetElapsedTime(t.Value.UsedAt, now) > UnusedAfter).ToList())
        {
            _topics.Remove(topic);
        }
    }

    /// <summary>There is no answer: no broker could be asked.</summary>
    public void NotAnswered(IReadOnlyCollection<string> topics)
    {
        foreach (var topic in topics)
        {
            if (_topics.TryGetValue(topic, out var entry))
            {
                entry.IsBeingAsked = false;
            }
        }
    }

    private sealed class Entry
    {
        private TopicMetadata? _latest; // the last answer that was no error: it has the leader epochs
        private int _wrongWhenKnown;

        /// <summary>The last answer; null: none yet.</summary>
        public TopicMetadata? Known { get; private set; }

        public bool IsBeingAsked { get; set; }

        public long UsedAt { get; set; }

        public long AskedAt { get; set; }

        public long AnsweredAt { get; private set; }

        /// <summary>How often it was called wrong.</summary>
        public int TimesWrong { get; set; }

        /// <summary>How often it had been called wrong when it was asked for last.</summary>
        public int WrongWhenAsked { get; set; }

        public bool IsWrong => TimesWrong != _wrongWhenKnown;

        public void Answered(TopicMetadata answer, long now)
        {
            if (answer.Error == KafkaError.None)
            {
                _latest = answer = LatestLeaders.Of(_latest, answer);
            }

            Known = answer;
            AnsweredAt = now;
            IsBeingAsked = false;
            _wrongWhenKnown = WrongWhenAsked;
        }
    }
}

/// <summary>What is known of a topic.</summary>
/// <param name="Known">It; null: nothing that may be used.</param>
/// <param name="Step">What to do.</param>
/// <param name="Wait">How long to wait before looking again.</param>
internal readonly record struct TopicLook(TopicMetadata? Known, TopicStep Step, TimeSpan Wait);

/// <summary>What to do before what is known of a topic is used.</summary>
internal enum TopicStep
{
    /// <summary>Nothing.</summary>
    Use,

    /// <summary>Ask for it, but use what is known without waiting for the answer.</summary>
    UseAndAsk,

    /// <summary>Ask for it, and use the answer. If there is none, what is known, if it is no error.</summary>
    Ask,

    /// <summary>Wait and look again: it was asked for a moment ago.</summary>
    Wait,
}
