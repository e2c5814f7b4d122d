using System.Text.Encodings.Web;
using System.Text.Json;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>Why something did not reach Kafka as it should have.</summary>
internal enum LedgerKind
{
    /// <summary>A record that the brokers refuse; it is in quarantine, whole.</summary>
    Rejected,

    /// <summary>The start of a batch whose writer died: its append had not returned.</summary>
    Torn,

    /// <summary>Bytes that are no record batch; a copy is in quarantine.</summary>
    Damaged,

    /// <summary>A segment, or bytes of one, vanished before it was shipped.</summary>
    Lost,

    /// <summary>Bytes of a segment vanished after they were shipped.</summary>
    Vanished,
}

/// <summary>
/// The account of everything that was not shipped as it was: a JSON object a line, synced before the watermark passes
/// what it tells of. Thread-safe.
/// </summary>
internal sealed class Ledger(string path, TimeProvider time)
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly Lock _lock = new();

    /// <summary>Adds an entry and forces it to the disk.</summary>
    /// <exception cref="IOException">It could not be written: do not pass what it is about.</exception>
    public void Add(LedgerKind kind, string directory, string segment, long position, long endPosition, long records, string reason)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("time", time.GetUtcNow());
            json.WriteString("kind", kind.ToString().ToLowerInvariant());
            json.WriteString("directory", directory);
            json.WriteString("segment", segment);
            json.WriteNumber("position", position);
            json.WriteNumber("endPosition", endPosition);
            json.WriteNumber("records", records);
            json.WriteString("reason", reason);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        lock (_lock)
        {
            var isNew = !File.Exists(path);
            using var file = new FileStream(path, StateDirectory.Private(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
            EndTornLine(file);
            file.Write(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
            DurableFile.Sync(file.SafeFileHandle, path);
            if (isNew)
            {
                DurableFile.SyncDirectory(Path.GetDirectoryName(path)!);
            }
        }
    }

    /// <summary>Goes to the end; a line that a crash cut short gets its end, so that the next is one of its own.</summary>
    private static void EndTornLine(FileStream file)
    {
        if (file.Length > 0)
        {
            file.Position = file.Length - 1;
            if (file.ReadByte() != '\n')
            {
                file.WriteByte((byte)'\n');
            }
        }
    }
}
