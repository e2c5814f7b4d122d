using KafkaFeeder.Tests;
using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Messages;
using Xunit;

namespace KafkaLog.Wire.Tests.Cluster;

/// <summary>When topics are asked for, and what is believed.</summary>
public sealed class TopicCacheTests
{
    private static readonly Guid Id = Guid.NewGuid();
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly ManualTime _time = new();
    private readonly TopicCache _cache;

    public TopicCacheTests() => _cache = new TopicCache(_time);

    [Fact]
    public void What_is_whole_is_used_for_five_minutes_and_then_while_it_is_asked_for()
    {
        Assert.Equal(TopicStep.Ask, Step());
        Ask(Topic(leader: 1));
        _time.Advance(TopicCache.RefreshAfter - Tick);
        Assert.Equal(TopicStep.Use, Step());
        _time.Advance(Tick);
        Assert.Equal(TopicStep.UseAndAsk, Step());
        _cache.Asked(["t"], _time.GetTimestamp());
        Assert.Equal(TopicStep.UseAndAsk, Step()); // joins
        _cache.NotAnswered(["t"]);
        Assert.Equal(TopicStep.Use, Step()); // not again at once
        _time.Advance(TopicCache.RetryAfter);
        Assert.Equal(TopicStep.UseAndAsk, Step());
        Ask(Topic(leader: 2));
        Assert.Equal((TopicStep.Use, 2), (Step(), Leader()));
    }

    [Theory]
    [InlineData(KafkaError.UnknownTopicOrPartition, 1)]
    [InlineData(KafkaError.TopicAuthorizationFailed, 1)]
    [InlineData(KafkaError.None, -1)]
    internal void Errors_and_partitions_without_a_leader_are_believed_for_a_moment(KafkaError error, int leader)
    {
        Ask(Topic(leader) with { Error = error });
        _time.Advance(TopicCache.RetryAfter - Tick);
        Assert.Equal((TopicStep.Use, error), (Step(), Look().Known!.Error));
        _time.Advance(Tick);
        Assert.Equal(TopicStep.Ask, Step());
    }

    [Fact]
    public void A_topic_that_is_not_in_the_answer_does_not_exist()
    {
        Ask();
        Assert.Equal(KafkaError.UnknownTopicOrPartition, Look().Known!.Error);
    }

    [Fact]
    public void What_was_forgotten_is_not_used_and_not_asked_for_at_once()
    {
        Ask(Topic(leader: 1));
        _cache.Forget("t");
        Assert.Equal(new TopicLook(null, TopicStep.Wait, TopicCache.RetryAfter), Look());
        _time.Advance(TopicCache.RetryAfter);
        Assert.Equal(new TopicLook(null, TopicStep.Ask, TimeSpan.Zero), Look());
        Assert.Null(_cache.Answer("t"));
    }

    [Fact]
    public void An_answer_to_a_question_from_before_it_was_forgotten_is_not_believed()
    {
        _cache.Asked(["t"], _time.GetTimestamp());
        _cache.Forget("t");
        _cache.Answered(["t"], [Topic(leader: 1)], _time.GetTimestamp());
        Assert.Null(_cache.Answer("t"));
        _time.Advance(TopicCache.RetryAfter);
        Ask(Topic(leader: 2));
        Assert.Equal(2, Leader());
    }

    [Fact]
    public void Without_an_answer_the_next_question_waits()
    {
        _cache.Asked(["t"], _time.GetTimestamp());
        Assert.Equal(TopicStep.Ask, Step()); // joins
        _cache.NotAnswered(["t"]);
        Assert.Equal(TopicStep.Wait, Step());
        _time.Advance(TopicCache.RetryAfter);
        Assert.Equal(TopicStep.Ask, Step());
    }

    [Fact]
    public void An_older_epoch_does_not_replace_a_newer_one_of_the_same_topic()
    {
        Ask(Topic(leader: 1, epoch: 7));
        Ask(Topic(leader: 2, epoch: 6));
        Assert.Equal(1, Leader());
        Ask(Topic(leader: 2, epoch: 6) with { Error = KafkaError.LeaderNotAvailable });
        Ask(Topic(leader: 2, epoch: 6));
        Assert.Equal(1, Leader()); // also after an error
        Ask(Topic(leader: 3, epoch: -1));
        Assert.Equal(3, Leader()); // it has none
        Ask(Topic(leader: 4, epoch: 8));
        Assert.Equal(4, Leader());
        Ask(Topic(leader: 5, epoch: 0) with { Id = Guid.NewGuid() });
        Assert.Equal(5, Leader()); // it was created again
        Ask(Topic(leader: 6, epoch: 9) with { Id = Guid.Empty });
        Ask(Topic(leader: 7, epoch: 8) with { Id = Guid.Empty });
        Assert.Equal(7, Leader()); // whether it was is not known
    }

    [Fact]
    public void Partitions_are_compared_one_by_one_and_new_ones_are_taken()
    {
        var known = Topic(leader: 1, epoch: 5) with { Partitions = [Partition(0, 1, 5), Partition(1, 1, 5), Partition(1, 9, 9)] };
        var answer = known with { Partitions = [Partition(0, 2, 4), Partition(1, 2, 6), Partition(2, 2, 0)] };
        Assert.Equal([1, 2, 2], LatestLeaders.Of(known, answer).Partitions.Select(p => p.Leader));
        Assert.Same(answer, LatestLeaders.Of(null, answer));
    }

    [Fact]
    public void What_nobody_uses_is_forgotten_and_what_nobody_asked_for_is_not_kept()
    {
        Ask(Topic(leader: 1), Topic(leader: 1) with { Name = "other" });
        Assert.Equal(1, _cache.Count);
        _time.Advance(TopicCache.UnusedAfter + Tick);
        _cache.Asked(["u"], _time.GetTimestamp());
        _cache.Answered(["u"], [], _time.GetTimestamp());
        Assert.Equal(1, _cache.Count);
        Assert.Null(_cache.Answer("t"));
    }

    [Fact]
    public async Task One_question_is_in_flight_and_the_next_is_for_all_who_wait()
    {
        var questions = new List<(string Topics, TaskCompletionSource Answer)>();
        var shared = new SharedQuestion(topics =>
        {
            var answer = new TaskCompletionSource();
            lock (questions)
            {
                questions.Add((string.Join(' ', topics.Order(StringComparer.Ordinal)), answer));
            }

            return answer.Task;
        });
        var first = shared.AskAsync("a");
        await Eventually.HoldsAsync(() => questions.Count == 1);
        var same = shared.AskAsync("a");
        var others = new[] { shared.AskAsync("b"), shared.AskAsync("c"), shared.AskAsync("b") };
        questions[0].Answer.SetException(new IOException("away"));
        await Assert.ThrowsAsync<IOException>(() => first);
        await Assert.ThrowsAsync<IOException>(() => same);
        await Eventually.HoldsAsync(() => questions.Count == 2);
        Assert.All(others, o => Assert.False(o.IsCompleted));
        questions[1].Answer.SetResult();
        await Task.WhenAll(others);
        Assert.Equal(["a", "b c"], questions.Select(q => q.Topics));
        var again = shared.AskAsync("a");
        await Eventually.HoldsAsync(() => questions.Count == 3);
        questions[2].Answer.SetResult();
        await again;
    }

    private static PartitionMetadata Partition(int partition, int leader, int epoch) =>
        new(KafkaError.None, partition, leader, 3, 3, epoch);

    private static TopicMetadata Topic(int leader, int epoch = 0) => new(KafkaError.None, "t", Id, [Partition(0, leader, epoch)]);

    private void Ask(params TopicMetadata[] answer)
    {
        _cache.Asked(["t"], _time.GetTimestamp());
        _cache.Answered(["t"], answer, _time.GetTimestamp());
    }

    private TopicLook Look() => _cache.Look("t", _time.GetTimestamp());

    private TopicStep Step() => Look().Step;

    private int Leader() => _cache.Answer("t")!.Partitions[0].Leader;
}
