using System.Globalization;
using System.Text;
using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// The headers of a record, followed by its origin if <c>origin_headers</c> is set. The segment's identity and the offset identify a
/// record permanently, on every host and under every file name, so a consumer can drop duplicates. Host and file are for people.
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
    /// <returns>False if a header name is not UTF-8: the client library cannot send it unchanged.</returns>
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
