using KafkaLog.Wire.Messages;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>
/// Three brokers with one topic, and what is on the way between them and their clients. Nothing happens by itself: the test calls
/// <see cref="Step"/>, and a seed decides what happens next. Not thread-safe.
/// </summary>
internal sealed class SimulatedCluster(Random random, TimeProvider time, int partitions)
{
    /// <summary>How often brokers look for producers to forget.</summary>
    private static readonly TimeSpan ExpiryPeriod = TimeSpan.FromMinutes(10);

    private readonly List<Question> _questions = [];
    private readonly List<SimulatedConnection> _connections = [];
    private DateTimeOffset _expiry = time.GetUtcNow() + ExpiryPeriod;
    private long _nextProducerId = 1000;

    public Random Random => random;

    public TimeProvider Time => time;

    /// <summary>Called with a line for each step; null: nobody wants to know.</summary>
    public Action<string>? Trace { get; set; }

    /// <summary>True: brokers die, connections break, answers are lost.</summary>
    public bool HasFaults { get; set; }

    /// <summary>False: clients may not read the topic.</summary>
    public bool MayRead { get; set; } = true;

    /// <summary>True: a broker that lacks acknowledged records may become a leader.</summary>
    public bool IsUnclean { get; set; }

    /// <summary>Batches that are larger are refused, in bytes.</summary>
    public int MaxBatchBytes { get; set; } = 1 << 20;

    public SimulatedTopic Topic { get; private set; } = new(Guid.NewGuid(), partitions, random, time.GetUtcNow());

    /// <summary>The topics of the same name that were deleted.</summary>
    public List<SimulatedTopic> Deleted { get; } = [];

    public bool[] Alive { get; } = [true, true, true];

    /// <summary>True if nothing is on the way.</summary>
    public bool IsQuiet => _questions.Count == 0 && _connections.TrueForAll(c => c.IsIdle)
        && Topic.Partitions.TrueForAll(p => p.IsSettled(Alive));

    /// <summary>A producer id that nobody had before.</summary>
    public long NewProducerId() => _nextProducerId++;

    /// <summary>A client asks; <paramref name="handle"/> runs at the broker, at another time than the answer arrives.</summary>
    public Task<T> Ask<T>(SimulatedClient client, string what, Func<T> handle)
    {
        var answer = new TaskCompletionSource<T>();
        var question = new Question(client, what);
        question.Handle = () =>
        {
            Exception? failure = null;
            T? value = default;
            try
            {
                value = HasFaults && random.Next(20) == 0 ? throw new IOException($"{what}: the connection was lost") : handle();
            }
            catch (IOException e)
            {
                failure = e;
            }

            Trace?.Invoke($"brokers: {what} -> {failure?.Message ?? value?.ToString()}");
            question.Deliver = () =>
            {
                Trace?.Invoke($"answer: {what}");
                if (failure is null)
                {
                    answer.SetResult(value!);
                }
                else
                {
                    answer.SetException(failure);
                }
            };
        };
        _questions.Add(question);
        return answer.Task;
    }

    /// <summary>A new connection of a client.</summary>
    public SimulatedConnection Connect(SimulatedClient client, int broker)
    {
        var connection = new SimulatedConnection(this, client, broker);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>A client was killed: its connections end, and what it sent may still be on the way.</summary>
    public void Killed(SimulatedClient client)
    {
        _questions.RemoveAll(q => q.Client == client);
        _connections.Where(c => c.Client == client).ToList().ForEach(c => c.Break());
    }

    /// <summary>Something happens.</summary>
    public void Step()
    {
        if (time.GetUtcNow() >= _expiry)
        {
            _expiry = time.GetUtcNow() + ExpiryPeriod;
            Topic.Partitions.SelectMany(p => p.Replicas).ToList().ForEach(r => r.Expire(time.GetUtcNow()));
        }

        _connections.RemoveAll(c => c.IsOver);
        switch (random.Next(HasFaults ? 101 : 90))
        {
            case < 20:
                Pick(_connections.FindAll(c => c.CanServe))?.Serve();
                break;
            case < 50:
                Replicate();
                break;
            case < 70:
                Pick(_connections.FindAll(c => c.CanDeliver))?.Deliver();
                break;
            case < 90:
                Answer();
                break;
            case < 93:
                Pick(_connections)?.Break();
                break;
            case < 95:
                Pick(_connections.FindAll(c => c.CanTimeOut))?.TimeOut();
                break;
            case < 97:
                Elect();
                break;
            case < 98:
                Pick(Topic.Partitions)!.Learn(random.Next(SimulatedPartition.Brokers));
                break;
            default:
                KillOrStart(random.Next(SimulatedPartition.Brokers));
                break;
        }
    }

    /// <summary>No more faults: all brokers run, or all but one, and every partition gets a leader.</summary>
    public void Heal()
    {
        var stays = random.Next(SimulatedPartition.Brokers);
        HasFaults = false;
        for (var broker = 0; broker < SimulatedPartition.Brokers; broker++)
        {
            if (!Alive[broker] && (broker != stays || Topic.Partitions.Exists(p => p.InSync.SetEquals([broker]))))
            {
                KillOrStart(broker);
            }
        }

        foreach (var partition in Topic.Partitions)
        {
            if (partition.Leader < 0)
            {
                partition.Lead(partition.InSync.First(b => Alive[b]), time.GetUtcNow());
            }

            foreach (var broker in Enumerable.Range(0, SimulatedPartition.Brokers))
            {
                partition.Learn(broker);
            }
        }
    }

    /// <summary>The topic is deleted and created again, with nothing in it.</summary>
    public void CreateTopicAgain()
    {
        Trace?.Invoke("brokers: the topic is deleted and created again");
        Deleted.Add(Topic);
        Topic = new SimulatedTopic(Guid.NewGuid(), Topic.Partitions.Count, random, time.GetUtcNow());
        for (var broker = 0; broker < SimulatedPartition.Brokers; broker++)
        {
            if (!Alive[broker])
            {
                Topic.Partitions.ForEach(p => p.Died(broker));
            }
        }
    }

    /// <summary>The topic gets one more partition.</summary>
    public void AddPartition()
    {
        Trace?.Invoke($"brokers: partition {Topic.Partitions.Count} is added");
        var partition = new SimulatedPartition(Topic.Partitions.Count, random.Next(SimulatedPartition.Brokers), time.GetUtcNow());
        Topic.Partitions.Add(partition);
        for (var broker = 0; broker < SimulatedPartition.Brokers; broker++)
        {
            if (!Alive[broker])
            {
                partition.Died(broker);
            }
        }
    }

    public T? Pick<T>(List<T> of)
        where T : class => of.Count == 0 ? null : of[random.Next(of.Count)];

    private void Answer()
    {
        if (Pick(_questions) is not { } question)
        {
            return;
        }

        if (question.Deliver is { } deliver)
        {
            _questions.Remove(question);
            deliver();
        }
        else
        {
            question.Handle!();
        }
    }

    private void Replicate()
    {
        var partition = Pick(Topic.Partitions)!;
        var follower = random.Next(SimulatedPartition.Brokers);
        if (Alive[follower] && partition.Leader >= 0 && Alive[partition.Leader])
        {
            partition.Fetch(follower, random.Next(3), time.GetUtcNow());
        }

        partition.DropLaggards(time.GetUtcNow());
    }

    private void Elect()
    {
        var partition = Pick(Topic.Partitions)!;
        var alive = Enumerable.Range(0, SimulatedPartition.Brokers).Where(b => Alive[b] && b != partition.Leader).ToList();
        if (alive.FindAll(partition.InSync.Contains) is { Count: > 0 } inSync)
        {
            var next = inSync[random.Next(inSync.Count)];
            Trace?.Invoke($"brokers: {next} leads {partition.Number} after {partition.Leader}");
            partition.Lead(next, time.GetUtcNow());
        }
        else if (IsUnclean && partition.Leader < 0 && alive.Count > 0)
        {
            var next = alive[random.Next(alive.Count)];
            Trace?.Invoke($"brokers: {next} leads {partition.Number} uncleanly");
            partition.LeadUncleanly(next, time.GetUtcNow());
        }
    }

    private void KillOrStart(int broker)
    {
        Alive[broker] = !Alive[broker];
        Trace?.Invoke($"brokers: {broker} {(Alive[broker] ? "starts" : "dies")}");
        if (!Alive[broker])
        {
            _connections.Where(c => c.Broker == broker).ToList().ForEach(c => c.BreakWithBroker());
            Topic.Partitions.ForEach(p => p.Died(broker));
            return;
        }

        foreach (var partition in Topic.Partitions)
        {
            var replica = partition.Replicas[broker];
            replica.BuildState();
            replica.HighWatermark -= replica.HighWatermark > 0 ? random.Next((int)Math.Min(replica.HighWatermark, 10)) : 0;
            if (random.Next(2) == 0)
            {
                replica.Expire(time.GetUtcNow());
            }
        }
    }

    private sealed class Question(SimulatedClient client, string what)
    {
        public SimulatedClient Client => client;

        public string What => what;

        public Action? Handle { get; set; }

        public Action? Deliver { get; set; }
    }
}

/// <summary>A topic.</summary>
internal sealed class SimulatedTopic(Guid id, int partitions, Random random, DateTimeOffset now)
{
    public const string Name = "orders-topic";

    public Guid Id => id;

    public List<SimulatedPartition> Partitions { get; } =
        [.. Enumerable.Range(0, partitions).Select(n => new SimulatedPartition(n, random.Next(SimulatedPartition.Brokers), now))];
}
