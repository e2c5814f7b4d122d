using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KafkaLog.Format.Records;

namespace KafkaLog.Tool.Syslog;

/// <summary>
/// Which piece of which message a record holds. Several senders write at the same time, so that the pieces of a long message
/// are not always next to each other: this is how to join them.
/// </summary>
/// <param name="Message">The message's number in this process.</param>
/// <param name="Number">The piece's number, from 1.</param>
internal sealed record MessagePart(long Message, int Number)
{
    private static readonly byte[] Name = "kafkalog.part"u8.ToArray();
    private static readonly string Process = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
    private static long _messages;

    /// <summary>
    /// A record's header: <c>PROCESS-MESSAGE/NUMBER</c>, the same before the slash for all pieces of a message, and for no
    /// other.
    /// </summary>
    public RecordHeader Header =>
        new(Name, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Process}-{Message}/{Number}")));

    /// <summary>The first piece of the next long message.</summary>
    public static MessagePart First() => new(Interlocked.Increment(ref _messages), 1);

    /// <summary>The piece after this one.</summary>
    public MessagePart Next() => this with { Number = Number + 1 };
}
