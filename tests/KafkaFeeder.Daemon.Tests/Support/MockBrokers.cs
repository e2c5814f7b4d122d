using System.Runtime.InteropServices;
using Confluent.Kafka;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>
/// A broker that lives in this process and listens on loopback: librdkafka's mock cluster. It takes and acknowledges records,
/// makes each topic that is asked for, and forgets all when it is disposed of.
/// </summary>
internal sealed unsafe partial class MockBrokers : IDisposable
{
    private const string Name = "librdkafka-for-tests";
    private readonly IntPtr _client;
    private readonly IntPtr _cluster;

    static MockBrokers() => NativeLibrary.SetDllImportResolver(
        typeof(MockBrokers).Assembly,
        (name, _, _) => name == Name ? NativeLibrary.Load("librdkafka.so.1") : IntPtr.Zero);

    /// <param name="roundTripMs">How long each answer takes at least, in milliseconds.</param>
    public MockBrokers(int roundTripMs = 0)
    {
        Assert.SkipUnless(NativeLibrary.TryLoad("librdkafka.so.1", out _), "librdkafka1 is not installed");
        var conf = NewConf();
        SetLogCallback(conf, IntPtr.Zero);
        _client = New(0, conf, null, 0);
        _cluster = NewCluster(_client, 1);
        RoundTripMs = roundTripMs;
        Address = Marshal.PtrToStringUTF8(Bootstraps(_cluster))!;
    }

    /// <summary>host:port.</summary>
    public string Address { get; }

    /// <summary>How long each answer takes at least, from now on, in milliseconds.</summary>
    public int RoundTripMs
    {
        set => Assert.Equal(0, SetRoundTrip(_cluster, 1, value));
    }

    /// <summary>The next produce requests are answered with these errors, in order.</summary>
    public void Refuse(params ErrorCode[] errors)
    {
        var codes = errors.Select(e => (int)e).ToArray();
        fixed (int* first = codes)
        {
            PushErrors(_cluster, 0, (nuint)codes.Length, first);
        }
    }

    public void Dispose()
    {
        DestroyCluster(_cluster);
        Destroy(_client);
    }

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_new")]
    private static partial IntPtr NewConf();

    [LibraryImport(Name, EntryPoint = "rd_kafka_conf_set_log_cb")]
    private static partial void SetLogCallback(IntPtr conf, IntPtr callback);

    [LibraryImport(Name, EntryPoint = "rd_kafka_new")]
    private static partial IntPtr New(int type, IntPtr conf, byte* error, nuint errorBytes);

    [LibraryImport(Name, EntryPoint = "rd_kafka_destroy")]
    private static partial void Destroy(IntPtr client);

    [LibraryImport(Name, EntryPoint = "rd_kafka_mock_cluster_new")]
    private static partial IntPtr NewCluster(IntPtr client, int brokers);

    [LibraryImport(Name, EntryPoint = "rd_kafka_mock_cluster_destroy")]
    private static partial void DestroyCluster(IntPtr cluster);

    [LibraryImport(Name, EntryPoint = "rd_kafka_mock_broker_set_rtt")]
    private static partial int SetRoundTrip(IntPtr cluster, int broker, int roundTripMs);

    [LibraryImport(Name, EntryPoint = "rd_kafka_mock_push_request_errors_array")]
    private static partial void PushErrors(IntPtr cluster, short request, nuint count, int* errors);

    [LibraryImport(Name, EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    private static partial IntPtr Bootstraps(IntPtr cluster);
}
