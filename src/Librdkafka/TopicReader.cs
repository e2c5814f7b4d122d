using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace KafkaFeeder;

/// <summary>What a reader does with each record.</summary>
internal delegate void RecordHandler(in FetchedRecord record);

/// <summary>The topic cannot be read; the message says why, in a sentence for the user.</summary>
internal sealed class TopicReadException(string message) : Exception(message);

/// <summary>
/// Reads all partitions of one topic from their beginning, without a consumer group, and reports when it has reached their ends.
/// Not thread-safe. Call <see cref="Librdkafka.TryLoad"/> first.
/// </summary>
internal sealed unsafe class TopicReader : IDisposable
{
    private const int Consumer = 1;
    private const int ErrorTextBytes = 512;
    private const int BatchRecords = 10_000;
    private const long Beginning = -2; // RD_KAFKA_OFFSET_BEGINNING
    private const int AutoOffsetReset = -140; // the wanted offset is gone

    // Errors that do not pass by waiting. librdkafka retries all others by itself.
    private static readonly HashSet<ErrorCode> Hopeless =
    [
        ErrorCode.Local_UnknownPartition, ErrorCode.Local_UnknownTopic, ErrorCode.UnknownTopicOrPart,
        ErrorCode.Local_Authentication, ErrorCode.SaslAuthenticationFailed, ErrorCode.TopicAuthorizationFailed,
        ErrorCode.ClusterAuthorizationFailed, ErrorCode.OffsetOutOfRange, (ErrorCode)AutoOffsetReset, ErrorCode.Local_Fatal,
    ];

    private enum Progress
    {
        /// <summary>Neither a record nor the end has come.</summary>
        NothingCame,

        /// <summary>Not at the end yet.</summary>
        BeforeEnd,

        /// <summary>Every record up to the end was read.</summary>
        AtEnd,

        /// <summary>An end was reached once, and more records came after it.</summary>
        PastAnEnd,
    }

    private readonly IntPtr _client;
    private readonly GCHandle _self;
    private readonly string _bootstrapServers;
    private readonly string _topicName;
    private readonly RdKafka.Message*[] _batch = new RdKafka.Message*[BatchRecords];
    private IntPtr _topic;
    private IntPtr _queue;
    private int[] _partitions = [];
    private Dictionary<int, Progress> _progress = [];
    private readonly Dictionary<int, long> _ends = []; // how far each partition could be read, when its end was last reported
    private readonly Dictionary<int, long> _next = []; // the offset of the next record of each partition that has been read from

    /// <summary>Creates a reader. Nothing is sent yet.</summary>
    /// <exception cref="TopicReadException">A property is unknown or has a wrong value.</exception>
    public TopicReader(string bootstrapServers, string topic, IEnumerable<KeyValuePair<string, string>> properties)
    {
        _bootstrapServers = bootstrapServers;
        _topicName = topic;
        _self = GCHandle.Alloc(this, GCHandleType.Weak);
        var conf = RdKafka.ConfNew();
        try
        {
            Set(conf, "bootstrap.servers", bootstrapServers);
            Set(conf, "enable.partition.eof", "true");
            Set(conf, "auto.offset.reset", "error"); // instead of skipping to the end silently
            Set(conf, "allow.auto.create.topics", "false");
            Set(conf, "fetch.wait.max.ms", "100"); // the end is noticed quickly
            Set(conf, "queued.min.messages", "500000");
            Set(conf, "queued.max.messages.kbytes", "65536"); // the limit for all fetched records that wait here: it bounds the memory
            foreach (var (name, value) in properties)
            {
                Set(conf, name, value);
            }

            RdKafka.ConfSetErrorCallback(conf, &OnError);
            RdKafka.ConfSetLogCallback(conf, IntPtr.Zero); // errors are reported by exceptions
            RdKafka.ConfSetOpaque(conf, GCHandle.ToIntPtr(_self));
            var error = stackalloc byte[ErrorTextBytes];
            _client = RdKafka.New(Consumer, conf, error, ErrorTextBytes);
            if (_client == IntPtr.Zero)
            {
                throw new TopicReadException($"librdkafka refuses this configuration: {Text(error)}.");
            }
        }
        catch (TopicReadException)
        {
            RdKafka.ConfDestroy(conf);
            _self.Free();
            throw;
        }
    }

    /// <summary>The partitions' numbers, ascending, once <see cref="Start"/> was called.</summary>
    public IReadOnlyList<int> Partitions => _partitions;

    /// <summary>
    /// Offsets, over all partitions, that retention had removed before the reading began.
    /// </summary>
    public long RemovedBefore { get; private set; }

    /// <summary>Every partition is read to its current end, as far as the brokers have reported it.</summary>
    public bool IsAtEnd => _progress.Values.All(progress => progress == Progress.AtEnd);

    /// <summary>
    /// Partitions that hold more than could be read: a transaction is open there, and records after its first one are not
    /// delivered before it ends (isolation.level=read_committed, which is the default).
    /// </summary>
    public IEnumerable<(int Partition, long ReadTo, long End)> HeldPartitions =>
        _partitions.Where(partition => _progress[partition] == Progress.AtEnd)
            .Select(partition => (partition, _ends[partition], HighOf(partition)))
            .Where(partition => partition.Item3 > partition.Item2);

    /// <summary>The partitions whose end has never been reached, not even an earlier one.</summary>
    public IEnumerable<int> UnfinishedPartitions =>
        _progress.Where(partition => partition.Value is Progress.NothingCame or Progress.BeforeEnd).Select(partition => partition.Key)
            .Order();

    /// <summary>The last error that librdkafka reported: the likely reason if no records come. Null: none.</summary>
    public string? LastComplaint { get; private set; }

    /// <summary>Asks for the partitions and begins to fetch.</summary>
    /// <exception cref="TopicReadException">No broker answers, or there is no such topic, or it may not be read.</exception>
    public void Start(TimeSpan timeout)
    {
        _partitions = FindPartitions(timeout);
        _progress = _partitions.ToDictionary(id => id, _ => Progress.NothingCame);
        _topic = RdKafka.TopicNew(_client, _topicName, IntPtr.Zero);
        _queue = RdKafka.QueueNew(_client);
        foreach (var partition in _partitions)
        {
            // The offsets are not queried beforehand: rd_kafka_query_watermark_offsets of librdkafka 2.0.2 never returns if a
            // partition has no leader, whatever the time-out.
            if (RdKafka.ConsumeStartQueue(_topic, partition, Beginning, _queue) != 0)
            {
                throw new TopicReadException(
                    $"Partition {partition} of topic {_topicName} cannot be read: {Describe(RdKafka.LastError())}.");
            }
        }
    }

    /// <summary>
    /// Forgets the ends that were reported, and goes on where it is: the ends that are reported from now on are those of now. librdkafka
    /// reports an end once; what comes after it may be on its way.
    /// </summary>
    /// <exception cref="TopicReadException">A partition cannot be read any more.</exception>
    public void LookForEndsAgain()
    {
        foreach (var partition in _partitions)
        {
            if (RdKafka.ConsumeStop(_topic, partition) != 0
                || RdKafka.ConsumeStartQueue(_topic, partition, _next.GetValueOrDefault(partition, Beginning), _queue) != 0)
            {
                throw new TopicReadException(
                    $"Partition {partition} of topic {_topicName} cannot be read to its end: {Describe(RdKafka.LastError())}.");
            }

            if (_progress[partition] != Progress.NothingCame)
            {
                _progress[partition] = Progress.BeforeEnd;
            }
        }
    }

    /// <summary>
    /// How many offsets the partitions hold, as far as the fetched data says: for a progress bar.
    /// </summary>
    public long CountKnownOffsets()
    {
        var sum = 0L;
        foreach (var partition in _partitions)
        {
            sum += HighOf(partition);
        }

        return sum - RemovedBefore;
    }

    /// <summary>The offset after the partition's last record, as reported with the fetched data; 0 if not reported yet.</summary>
    private long HighOf(int partition)
    {
        long low, high;
        return RdKafka.GetWatermarkOffsets(_client, _topicName, partition, &low, &high) == 0 ? Math.Max(0, high) : 0;
    }

    /// <summary>Passes on the records that have come; waits for the first if there is none yet.</summary>
    /// <returns>How many records were passed on.</returns>
    /// <exception cref="TopicReadException">The topic cannot be read any more.</exception>
    public int Read(RecordHandler handler, TimeSpan timeout)
    {
        _ = RdKafka.Poll(_client, 0); // serves the error callback
        nint count;
        fixed (RdKafka.Message** batch = _batch)
        {
            count = RdKafka.ConsumeBatchQueue(_queue, Milliseconds(timeout), batch, BatchRecords);
        }

        if (count < 0)
        {
            throw new TopicReadException($"Topic {_topicName} cannot be read: {Describe(RdKafka.LastError())}.");
        }

        var records = 0;
        var next = 0;
        try
        {
            while (next < count)
            {
                var message = _batch[next];
                if (message->Error == 0)
                {
                    MarkRecord(message->Partition, message->Offset);
                    records++;
                    handler(new FetchedRecord(message));
                }
                else
                {
                    TakeEvent(message);
                }

                RdKafka.MessageDestroy(message);
                next++;
            }
        }
        finally
        {
            for (; next < count; next++)
            {
                RdKafka.MessageDestroy(_batch[next]);
            }
        }

        return records;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_topic != IntPtr.Zero)
        {
            foreach (var partition in _partitions)
            {
                _ = RdKafka.ConsumeStop(_topic, partition); // fails only for what was not started
            }

            RdKafka.TopicDestroy(_topic);
            RdKafka.QueueDestroy(_queue);
        }

        RdKafka.Destroy(_client);
        _self.Free();
    }

    private int[] FindPartitions(TimeSpan timeout)
    {
        // Asks for all topics: to ask for one that does not exist would create it on brokers that create topics automatically.
        RdKafka.Metadata* metadata;
        var error = RdKafka.GetMetadata(_client, 1, IntPtr.Zero, &metadata, Milliseconds(timeout));
        if (error != 0)
        {
            _ = RdKafka.Poll(_client, 0);
            throw new TopicReadException(
                $"No broker of {_bootstrapServers} answered within {timeout.TotalSeconds:0.#} s: {Describe(error)}.");
        }

        try
        {
            for (var t = 0; t < metadata->TopicsCount; t++)
            {
                var topic = metadata->Topics[t];
                if (Text(topic.Name) != _topicName)
                {
                    continue;
                }

                if (topic.Error != 0 || topic.PartitionsCount == 0)
                {
                    throw new TopicReadException($"Topic {_topicName} cannot be read: {Text(topic.Error)}.");
                }

                var ids = new int[topic.PartitionsCount];
                for (var p = 0; p < ids.Length; p++)
                {
                    ids[p] = topic.Partitions[p].Id;
                }

                Array.Sort(ids);
                return ids;
            }
        }
        finally
        {
            RdKafka.MetadataDestroy(metadata);
        }

        throw new TopicReadException($"There is no topic {_topicName} on {_bootstrapServers}, or this client may not see it.");
    }

    private void TakeEvent(RdKafka.Message* message)
    {
        if (message->Error == (int)ErrorCode.Local_PartitionEOF)
        {
            MarkBeginning(message->Partition, message->Offset);
            _progress[message->Partition] = Progress.AtEnd;
            _ends[message->Partition] = message->Offset;
            _next[message->Partition] = message->Offset;
            return;
        }

        var text = message->Value is null
            ? Text(message->Error)
            : Marshal.PtrToStringUTF8((IntPtr)message->Value, (int)message->ValueBytes);
        if (Hopeless.Contains((ErrorCode)message->Error))
        {
            throw new TopicReadException($"Partition {message->Partition} of topic {_topicName} cannot be read: {text}.");
        }

        LastComplaint = text; // librdkafka continues by itself
    }

    private void MarkRecord(int partition, long offset)
    {
        _next[partition] = offset + 1;
        ref var progress = ref CollectionsMarshal.GetValueRefOrNullRef(_progress, partition);
        if (progress == Progress.AtEnd)
        {
            progress = Progress.PastAnEnd;
        }
        else if (progress == Progress.NothingCame)
        {
            MarkBeginning(partition, offset);
        }
    }

    private void MarkBeginning(int partition, long offset)
    {
        ref var progress = ref CollectionsMarshal.GetValueRefOrNullRef(_progress, partition);
        if (progress == Progress.NothingCame)
        {
            progress = Progress.BeforeEnd;
            RemovedBefore += offset;
        }
    }

    private string Describe(int error) =>
        (ErrorCode)error is ErrorCode.Local_Transport or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_Resolve
            or ErrorCode.Local_TimedOut
        && LastComplaint is { } complaint ? complaint : Text(error);

    private static void Set(IntPtr conf, string name, string value)
    {
        var error = stackalloc byte[ErrorTextBytes];
        if (RdKafka.ConfSet(conf, name, value, error, ErrorTextBytes) != 0)
        {
            throw new TopicReadException($"librdkafka refuses {name}={value}: {Text(error)}.");
        }
    }

    private static string Text(int error) => Marshal.PtrToStringUTF8(RdKafka.ErrorText(error)) ?? $"error {error}";

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((IntPtr)text) ?? "";

    private static int Milliseconds(TimeSpan time) => (int)Math.Clamp(time.TotalMilliseconds, 0, int.MaxValue);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnError(IntPtr client, int error, byte* reason, IntPtr opaque)
    {
        // "All brokers are down" comes after the reason for one of them, and the reason says more.
        if (GCHandle.FromIntPtr(opaque).Target is TopicReader reader
            && (error != (int)ErrorCode.Local_AllBrokersDown || reader.LastComplaint is null))
        {
            reader.LastComplaint = Text(reason);
        }
    }
}
