using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace KafkaLog.Sink;

/// <summary>The buffers that one event is rendered into. Kept per thread, so that rendering allocates nothing.</summary>
internal sealed class EventBuffer
{
    /// <summary>A buffer that grew beyond this for one huge event is not kept.</summary>
    private const int MaxKeptBytes = 256 << 10;

    // Relaxed: escapes only what JSON requires. The records go to consumers, not into a web page.
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

    /// <summary>The record's key. Whether there is one is the result of RecordKey.TryRender.</summary>
    public ArrayBufferWriter<byte> Key { get; }

    /// <summary>Writes into <see cref="Value"/>.</summary>
    public Utf8JsonWriter Json { get; }

    /// <summary>For values that can only be rendered as text.</summary>
    public StringWriter Text { get; }

    /// <summary>
    /// The thread's buffer, empty. Until it is returned, the thread has none: rendering a property may call code that
    /// logs, and that event then gets its own buffer.
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

    /// <summary>Returns the content of <see cref="Text"/> and empties it.</summary>
    public string TakeText()
    {
        var text = Text.ToString();
        Text.GetStringBuilder().Clear();
        return text;
    }
}
