using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace KafkaLog.Sink;

/// <summary>What one event is rendered into. Kept per thread, so that logging allocates nothing of its own.</summary>
internal sealed class EventBuffer
{
    /// <summary>A buffer that one huge event has blown up is not kept.</summary>
    private const int MaxKeptBytes = 256 << 10;

    // Relaxed: only what JSON demands is escaped. The records go to consumers, not into a web page.
    private static readonly JsonWriterOptions JsonOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    [ThreadStatic]
    private static EventBuffer? _ofThread;

    private EventBuffer()
    {
        Value = new ArrayBufferWriter<byte>(1024);
        Key = new ArrayBufferWriter<byte>(64);
        Json = new Utf8JsonWriter(Value, JsonOptions);
        Text = new StringWriter(System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The record's value.</summary>
    public ArrayBufferWriter<byte> Value { get; }

    /// <summary>The record's key; whether there is one, is said elsewhere.</summary>
    public ArrayBufferWriter<byte> Key { get; }

    /// <summary>Writes into <see cref="Value"/>.</summary>
    public Utf8JsonWriter Json { get; }

    /// <summary>For what can only be rendered as text.</summary>
    public StringWriter Text { get; }

    /// <summary>
    /// The thread's buffer, empty. It is taken away from the thread until it is returned: rendering a property may call
    /// code that logs in its turn, and that event then gets a buffer of its own.
    /// </summary>
    public static EventBuffer Rent()
    {
        var buffer = _ofThread ?? new EventBuffer();
        _ofThread = null;
        return buffer;
    }

    public static void Return(EventBuffer buffer)
    {
        if (buffer.Value.Capacity > MaxKeptBytes || buffer.Key.Capacity > MaxKeptBytes
            || buffer.Text.GetStringBuilder().Capacity > MaxKeptBytes)
        {
            return;
        }

        buffer.Value.ResetWrittenCount();
        buffer.Key.ResetWrittenCount();
        buffer.Json.Reset(buffer.Value);
        buffer.Text.GetStringBuilder().Clear();
        _ofThread = buffer;
    }

    /// <summary>What stands in <see cref="Text"/>, which is empty then.</summary>
    public string TakeText()
    {
        var text = Text.ToString();
        Text.GetStringBuilder().Clear();
        return text;
    }
}
