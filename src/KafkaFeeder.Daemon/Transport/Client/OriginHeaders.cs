using System.Globalization;
using System.Text;
using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// A record's headers, and with <c>origin_headers</c> behind them where it is from: host, file and offset name a record
/// for ever, so a consumer can drop what it has seen.
/// </summary>
internal static class OriginHeaders
{
    public const string Host = "kafkafeeder.host";
    public const string File = "kafkafeeder.file";
    public const string Offset = "kafkafeeder.offset";

    private static readonly byte[] HostName = Encoding.UTF8.GetBytes(Environment.MachineName);

    public static Headers HeadersOf(Record record, OutboundBatch batch, LogOptions log)
    {
        var headers = new Headers();
        foreach (var header in record.CopyHeaders())
        {
            headers.Add(Encoding.UTF8.GetString(header.Name.Span), header.Value?.ToArray());
        }

        if (log.OriginHeaders)
        {
            headers.Add(Host, HostName);
            headers.Add(File, Encoding.UTF8.GetBytes(batch.SegmentName));
            headers.Add(Offset, Encoding.UTF8.GetBytes(record.Offset.ToString(CultureInfo.InvariantCulture)));
        }

        return headers;
    }
}
