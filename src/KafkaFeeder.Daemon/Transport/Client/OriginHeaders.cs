using System.Globalization;
using System.Text;
using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// A record's headers, and with <c>origin_headers</c> after them where it is from. The segment's identity and the offset
/// name a record for all time, on every host and under every name, so a consumer can drop what it has seen; host and file
/// are for people.
/// </summary>
internal static class OriginHeaders
{
    public const string Host = "kafkafeeder.host";
    public const string File = "kafkafeeder.file";
    public const string Segment = "kafkafeeder.segment";
    public const string Offset = "kafkafeeder.offset";

    private static readonly byte[] HostName = Encoding.UTF8.GetBytes(Environment.MachineName);
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>The headers to send; null if there are none.</summary>
    /// <returns>False if a name is not UTF-8: the client library cannot send it as it is.</returns>
    public static bool TryMake(Record record, StoredBatch batch, LogOptions log, out Headers? headers)
    {
        headers = record.HeadersCount > 0 || log.OriginHeaders ? [] : null;
        if (headers is null)
        {
            return true;
        }

        try
        {
            foreach (var header in record.CopyHeaders())
            {
                headers.Add(Strict.GetString(header.Name.Span), header.Value?.ToArray());
            }
        }
        catch (DecoderFallbackException)
        {
            return false;
        }

        if (log.OriginHeaders)
        {
            headers.Add(Host, HostName);
            headers.Add(File, Encoding.UTF8.GetBytes(batch.FileName));
            headers.Add(Segment, Encoding.UTF8.GetBytes(batch.FileIdentity));
            headers.Add(Offset, Encoding.UTF8.GetBytes(record.Offset.ToString(CultureInfo.InvariantCulture)));
        }

        return true;
    }
}
