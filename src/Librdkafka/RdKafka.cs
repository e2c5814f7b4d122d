using System.Runtime.InteropServices;

namespace KafkaFeeder;

/// <summary>
/// The few functions of librdkafka that are needed to read a topic, by their C names; all of them are in 1.0 and later.
/// Confluent.Kafka's consumer is not used because it calls <c>rd_kafka_message_leader_epoch</c> for every message, which
/// librdkafka has since 2.1 only (Debian 12 has 2.0.2); and it allocates for each.
/// </summary>
internal static unsafe partial class RdKafka
{
    private const string Name = "librdkafka";

    static RdKafka() => NativeLibrary.SetDllImportResolver(
        typeof(RdKafka).Assembly,
        static (name, _, path) => name == Name ? Librdkafka.Resolve(name, typeof(Confluent.Kafka.Library).Assembly, path) : IntPtr.Zero);

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_new")]
    public static partial IntPtr ConfNew();

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_destroy")]
    public static partial void ConfDestroy(IntPtr conf);

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_set", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ConfSet(IntPtr conf, string name, string value, byte* error, nuint errorBytes);

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_set_error_cb")]
    public static partial void ConfSetErrorCallback(IntPtr conf, delegate* unmanaged[Cdecl]<IntPtr, int, byte*, IntPtr, void> callback);

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_set_log_cb")]
    public static partial void ConfSetLogCallback(IntPtr conf, IntPtr callback);

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_set_opaque")]
    public static partial void ConfSetOpaque(IntPtr conf, IntPtr opaque);

    [LibraryImport(Name, EntryPoint = "rd_kafka_new")]
    public static partial IntPtr New(int type, IntPtr conf, byte* error, nuint errorBytes);

    [LibraryImport(Name, EntryPoint = "rd_kafka_destroy")]
    public static partial void Destroy(IntPtr client);

    [LibraryImport(Name, EntryPoint = "rd_kafka_poll")]
    public static partial int Poll(IntPtr client, int timeoutMs);

    [LibraryImport(Name, EntryPoint = "rd_kafka_err2str")]
    public static partial IntPtr ErrorText(int error);

    [LibraryImport(Name, EntryPoint = "rd_kafka_metadata")]
    public static partial int GetMetadata(IntPtr client, int allTopics, IntPtr onlyTopic, Metadata** metadata, int timeoutMs);

    [LibraryImport(Name, EntryPoint = "rd_kafka_metadata_destroy")]
    public static partial void MetadataDestroy(Metadata* metadata);

    [LibraryImport(Name, EntryPoint = "rd_kafka_get_watermark_offsets", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int GetWatermarkOffsets(IntPtr client, string topic, int partition, long* low, long* high);

    [LibraryImport(Name, EntryPoint = "rd_kafka_topic_new", StringMarshalling = StringMarshalling.Utf8)]
    public static partial IntPtr TopicNew(IntPtr client, string topic, IntPtr conf);

    [LibraryImport(Name, EntryPoint = "rd_kafka_topic_destroy")]
    public static partial void TopicDestroy(IntPtr topic);

    [LibraryImport(Name, EntryPoint = "rd_kafka_queue_new")]
    public static partial IntPtr QueueNew(IntPtr client);

    [LibraryImport(Name, EntryPoint = "rd_kafka_queue_destroy")]
    public static partial void QueueDestroy(IntPtr queue);

    [LibraryImport(Name, EntryPoint = "rd_kafka_consume_start_queue")]
    public static partial int ConsumeStartQueue(IntPtr topic, int partition, long offset, IntPtr queue);

    [LibraryImport(Name, EntryPoint = "rd_kafka_consume_stop")]
    public static partial int ConsumeStop(IntPtr topic, int partition);

    [LibraryImport(Name, EntryPoint = "rd_kafka_consume_batch_queue")]
    public static partial nint ConsumeBatchQueue(IntPtr queue, int timeoutMs, Message** messages, nuint capacity);

    [LibraryImport(Name, EntryPoint = "rd_kafka_last_error")]
    public static partial int LastError();

    [LibraryImport(Name, EntryPoint = "rd_kafka_message_destroy")]
    public static partial void MessageDestroy(Message* message);

    [LibraryImport(Name, EntryPoint = "rd_kafka_message_timestamp")]
    public static partial long MessageTimestamp(Message* message, int* type);

    [LibraryImport(Name, EntryPoint = "rd_kafka_message_headers")]
    public static partial int MessageHeaders(Message* message, IntPtr* headers);

    [LibraryImport(Name, EntryPoint = "rd_kafka_header_get_all")]
    public static partial int HeaderGetAll(IntPtr headers, nuint index, byte** name, byte** value, nuint* valueBytes);

    /// <summary>rd_kafka_message_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Message
    {
        public int Error;
        public IntPtr Topic;
        public int Partition;
        public byte* Value;
        public nuint ValueBytes;
        public byte* Key;
        public nuint KeyBytes;
        public long Offset;
        public IntPtr Opaque;
    }

    /// <summary>rd_kafka_metadata.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Metadata
    {
        public int BrokersCount;
        public IntPtr Brokers;
        public int TopicsCount;
        public TopicMetadata* Topics;
        public int OriginBrokerId;
        public IntPtr OriginBrokerName;
    }

    /// <summary>rd_kafka_metadata_topic.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TopicMetadata
    {
        public byte* Name;
        public int PartitionsCount;
        public PartitionMetadata* Partitions;
        public int Error;
    }

    /// <summary>rd_kafka_metadata_partition.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PartitionMetadata
    {
        public int Id;
        public int Error;
        public int Leader;
        public int ReplicasCount;
        public int* Replicas;
        public int InSyncCount;
        public int* InSync;
    }
}
