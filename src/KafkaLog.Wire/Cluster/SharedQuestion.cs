namespace KafkaLog.Wire.Cluster;

/// <summary>
/// Asks for topics, with at most one question in flight: who needs a topic that is being asked for waits for that answer, and the
/// others wait for the next question, which is for all of them. Thread-safe.
/// </summary>
/// <param name="ask">Asks for these topics. What it throws is thrown to all who wait for them.</param>
internal sealed class SharedQuestion(Func<IReadOnlyCollection<string>, Task> ask)
{
    private readonly Lock _lock = new();
    private Question? _current;
    private Question? _next;

    /// <summary>Asks for a topic, or joins those who do.</summary>
    /// <returns>Ends when the answer is there. Nobody has to wait for it.</returns>
    public Task AskAsync(string topic)
    {
        Question joined;
        lock (_lock)
        {
            if (_current?.Topics.Contains(topic) == true)
            {
                return _current.Answered;
            }

            joined = _next ??= new Question();
            joined.Topics.Add(topic);
            if (_current is not null)
            {
                return joined.Answered;
            }

            (_current, _next) = (_next, null);
        }

        _ = Task.Run(AskAllAsync);
        return joined.Answered;
    }

    private async Task AskAllAsync()
    {
        for (var question = Current(); question is not null;)
        {
            Exception? failure = null;
            try
            {
                await ask(question.Topics).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                failure = e;
            }

            var next = MoveOn(); // first: who is answered may ask again
            question.End(failure);
            question = next;
        }
    }

    private Question? Current()
    {
        lock (_lock)
        {
            return _current;
        }
    }

    private Question? MoveOn()
    {
        lock (_lock)
        {
            (_current, _next) = (_next, null);
            return _current;
        }
    }

    private sealed class Question
    {
        private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HashSet<string> Topics { get; } = new(StringComparer.Ordinal);

        public Task Answered => _answered.Task;

        public void End(Exception? failure)
        {
            if (failure is null)
            {
                _answered.SetResult();
                return;
            }

            _answered.SetException(failure);
            _ = Answered.Exception; // perhaps nobody waits
        }
    }
}
