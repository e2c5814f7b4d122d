using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Adds up the lines of a ledger. A line that is incomplete after a crash, or that is not a line of the ledger, is ignored. Reading
/// needs memory for one line and for the counts of each log. One thread adds; any thread may read the counts.
/// </summary>
internal sealed class LedgerTally
{
    /// <summary>An entry has a path of at most 4 KiB, a name and a reason; a longer line was not written by the ledger.</summary>
    private const int MaxLineBytes = 256 << 10;

    private readonly ConcurrentDictionary<(string Directory, string Component), LedgerAccount> _accounts = [];

    /// <summary>The counts of each log that is in the ledger, or for which <see cref="Of"/> was called.</summary>
    public IEnumerable<KeyValuePair<(string Directory, string Component), LedgerCounts>> All =>
        _accounts.Select(a => KeyValuePair.Create(a.Key, a.Value.Counts));

    /// <summary>The counts of a log; the same object for the same log.</summary>
    public LedgerAccount Of(string directory, string component) =>
        _accounts.GetOrAdd((directory, component), _ => new LedgerAccount());

    /// <summary>Takes over all counts of another tally. A log that is not in it gets counts of 0.</summary>
    public void Replace(LedgerTally other)
    {
        foreach (var key in other._accounts.Keys.Concat(_accounts.Keys).Distinct().ToList())
        {
            Of(key.Directory, key.Component).Counts = other.Of(key.Directory, key.Component).Counts;
        }
    }

    /// <summary>Counts the complete lines from a position on.</summary>
    /// <returns>The position of the first incomplete line.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public long Read(SafeFileHandle file, long position)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MaxLineBytes);
        try
        {
            var isLong = false; // within a line that is too long
            while (true)
            {
                var read = Fill(file, buffer.AsSpan(0, MaxLineBytes), position);
                var lines = buffer.AsSpan(0, read);
                var used = 0;
                for (int end; (end = lines[used..].IndexOf((byte)'\n')) >= 0; used += end + 1)
                {
                    if (!isLong)
                    {
                        Count(lines.Slice(used, end));
                    }

                    isLong = false;
                }

                if (used == 0 && read == MaxLineBytes)
                {
                    isLong = true;
                    used = read;
                }

                position += used;
                if (used == 0 || read < MaxLineBytes)
                {
                    return position;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static int Fill(SafeFileHandle file, Span<byte> buffer, long position)
    {
        var filled = 0;
        for (int read; filled < buffer.Length && (read = RandomAccess.Read(file, buffer[filled..], position + filled)) > 0;)
        {
            filled += read;
        }

        return filled;
    }

    private void Count(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            if (JsonSerializer.Deserialize(ref reader, LedgerJson.Default.LedgerLine) is { } entry)
            {
                Count(entry);
            }
        }
        catch (JsonException)
        {
            // Incomplete after a crash, or edited by hand: the lines after it count.
        }
    }

    private void Count(LedgerLine line)
    {
        switch (line.Kind)
        {
            case LedgerLine.TotalKind when line.Directory is not null && line.Component is not null:
                Of(line.Directory, line.Component).Counts = line.Counts();
                break;
            case LedgerLine.AcknowledgedKind:
                Acknowledge(line.Directory, line.Component);
                break;
            default:
                if (line.TryEntry(out var entry) && SegmentName.TryParse(entry.Segment) is { } name)
                {
                    var account = Of(entry.Directory, name.Component);
                    account.Counts = account.Counts.With(entry);
                }

                break;
        }
    }

    private void Acknowledge(string? directory, string? component)
    {
        foreach (var (key, account) in _accounts)
        {
            if ((directory is null || key.Directory == directory) && (component is null || key.Component == component))
            {
                account.Counts = account.Counts.Acknowledged();
            }
        }
    }
}
