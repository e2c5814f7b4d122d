using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// Withdraws all records of a producer: every record gets its report, as not persisted if it was never sent, otherwise as possibly
/// persisted. Confluent.Kafka has no call for it; librdkafka has one (<c>rd_kafka_purge</c>, since 1.0).
/// </summary>
internal static partial class ProducerPurge
{
    private const int Queued = 1; // RD_KAFKA_PURGE_F_QUEUE
    private const int InFlight = 2; // RD_KAFKA_PURGE_F_INFLIGHT
    private const int NonBlocking = 4; // RD_KAFKA_PURGE_F_NON_BLOCKING

    static ProducerPurge() => NativeLibrary.SetDllImportResolver(
        typeof(ProducerPurge).Assembly,
        static (name, _, path) => Librdkafka.Resolve(name, typeof(Library).Assembly, path));

    public static void All(IClient producer)
    {
        if (HandleOf(producer.Handle) is not SafeHandle handle)
        {
            return;
        }

        var isHeld = false;
        try
        {
            handle.DangerousAddRef(ref isHeld);
            _ = Purge(handle.DangerousGetHandle(), Queued | InFlight | NonBlocking);
        }
        finally
        {
            if (isHeld)
            {
                handle.DangerousRelease();
            }
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_LibrdkafkaHandle")]
    [return: UnsafeAccessorType("Confluent.Kafka.Impl.SafeKafkaHandle, Confluent.Kafka")]
    private static extern object HandleOf(Handle handle);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_purge")]
    private static partial int Purge(IntPtr client, int flags);
}
