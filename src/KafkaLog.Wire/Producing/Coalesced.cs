namespace KafkaLog.Wire.Producing;

/// <summary>
/// Questions that many ask at the same time and that have one answer for all. An answer counts only for those who asked before its
/// question was sent: who asks while one is under way waits for the next, which all of them share. Thread-safe.
/// </summary>
/// <param name="ask">Asks.</param>
internal sealed class Coalesced<TKey, TAnswer>(Func<TKey, Task<TAnswer>> ask)
    where TKey : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, Question> _underWay = [];

    /// <summary>The answer to a question that is sent after this call.</summary>
    public Task<TAnswer> AskAsync(TKey key)
    {
        lock (_lock)
        {
            if (_underWay.TryGetValue(key, out var question))
            {
                return question.Next ??= AfterAsync(question.Answer, key);
            }

            _underWay[key] = question = new Question(Task.Run(() => SendAsync(key)));
            return question.Answer;
        }
    }

    /// <summary>The question ends before its answer is seen by anybody.</summary>
    private async Task<TAnswer> SendAsync(TKey key)
    {
        try
        {
            return await ask(key).ConfigureAwait(false);
        }
        finally
        {
            lock (_lock)
            {
                _underWay.Remove(key);
            }
        }
    }

    private async Task<TAnswer> AfterAsync(Task before, TKey key)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return await AskAsync(key).ConfigureAwait(false);
    }

    private sealed class Question(Task<TAnswer> answer)
    {
        public Task<TAnswer> Answer => answer;

        public Task<TAnswer>? Next { get; set; }
    }
}
