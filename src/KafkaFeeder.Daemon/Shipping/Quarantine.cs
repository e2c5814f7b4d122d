using System.Globalization;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Keeps what could not be shipped: refused records, whole, in segments of their own; damaged bytes as they lay. Durable
/// when a call returns, so that the watermark may pass them. What a crash between this and the checkpoint leaves: the
/// same record in quarantine twice.
/// </summary>
internal sealed class Quarantine(string directory, string component) : IDisposable
{
    /// <summary>The most that is copied of one stretch of damage, in bytes: it may be a whole file of something else.</summary>
    private const long MaxDamageBytes = 64 << 20;

    /// <summary>As much as a batch may hold that is read: what is too large for the brokers must not be so here.</summary>
    private const int MaxRecordBytes = 64 << 20;

    private LogWriter? _records;

    /// <summary>Sets a record aside. It is safe after <see cref="Sync"/>.</summary>
    /// <exception cref="IOException">It cannot be written: do not pass it.</exception>
    public void Add(in Record record)
    {
        StateDirectory.CreateDirectory(directory);
        _records ??= new LogWriter(new LogWriterOptions { Directory = directory, Component = component, MaxRecordBytes = MaxRecordBytes });
        _records.Append(new NewRecord(record), Durability.Flushed);
    }

    /// <summary>Forces the records that were added to the disk.</summary>
    /// <exception cref="IOException">They are not safe yet: do not pass them.</exception>
    public void Sync() => _records?.Flush(Durability.Synced);

    /// <summary>Copies damaged bytes of a segment to a file named after it and their position.</summary>
    /// <exception cref="IOException">They are not safe yet: do not pass them.</exception>
    public void AddDamage(SafeFileHandle segment, string segmentName, long position, long endPosition)
    {
        StateDirectory.CreateDirectory(directory);
        var path = Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{segmentName}.{position}.damaged"));
        File.Delete(path);
        using (var copy = StateDirectory.CreateFile(path))
        {
            var buffer = new byte[64 * 1024];
            var end = Math.Min(endPosition, position + MaxDamageBytes);
            for (var at = position; at < end;)
            {
                var read = RandomAccess.Read(segment, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)), at);
                if (read == 0)
                {
                    break;
                }

                RandomAccess.Write(copy, buffer.AsSpan(0, read), at - position);
                at += read;
            }

            DurableFile.Sync(copy, path);
        }

        DurableFile.SyncDirectory(directory);
    }

    public void Dispose() => _records?.Dispose();
}
