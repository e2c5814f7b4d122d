using System.Buffers;
using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Syslog;

/// <summary>Messages that came from one sender or socket and are not safe yet.</summary>
/// <param name="maxMessageBytes">The most of a message in one record.</param>
internal sealed class MessageBuffer(int maxMessageBytes) : IRecordSource, IDisposable
{
    private const int MaxHeaders = 6;

    private static readonly byte[] FacilityName = "facility"u8.ToArray();
    private static readonly byte[] SeverityName = "severity"u8.ToArray();
    private static readonly byte[] HostName = "host"u8.ToArray();
    private static readonly byte[] AppName = "app"u8.ToArray();
    private static readonly RecordHeader[] FacilityHeaders =
        [.. SyslogHeader.Facilities.Select(name => new RecordHeader(FacilityName, Encoding.ASCII.GetBytes(name)))];
    private static readonly RecordHeader[] SeverityHeaders =
        [.. SyslogHeader.Severities.Select(name => new RecordHeader(SeverityName, Encoding.ASCII.GetBytes(name)))];

    private readonly SyslogFraming _framing = new(maxMessageBytes);
    private readonly List<(FramePiece Piece, long Timestamp, MessagePart? Part)> _pieces = [];
    private MessagePart? _lastPart;
    private byte[] _bytes = [];
    private int _cut;
    private int _end;

    /// <summary>True if there are records to store.</summary>
    public bool HasRecords => _pieces.Count > 0;

    /// <summary>How many messages were too long for a record so far.</summary>
    public long LongMessages { get; private set; }

    /// <summary>Bytes in it.</summary>
    public int Bytes => _end;

    /// <summary>Room to read into, at least that much.</summary>
    public Memory<byte> Room(int bytes)
    {
        if (_bytes.Length - _end < bytes)
        {
            var larger = ArrayPool<byte>.Shared.Rent(_end + bytes);
            _bytes.AsSpan(0, _end).CopyTo(larger);
            Return();
            _bytes = larger;
        }

        return _bytes.AsMemory(_end);
    }

    /// <summary>So many bytes of a stream were read into <see cref="Room"/>.</summary>
    public void AddStream(int bytes, long timestamp)
    {
        _end += bytes;
        Cut(isEnd: false, timestamp);
    }

    /// <summary>The stream is over: what is left is a message, or the beginning of one.</summary>
    public void EndStream(long timestamp) => Cut(isEnd: true, timestamp);

    /// <summary>Adds a datagram, which is one message. An empty one is ignored.</summary>
    public void AddDatagram(ReadOnlySpan<byte> datagram, long timestamp)
    {
        datagram.CopyTo(Room(datagram.Length).Span);
        for (var done = 0; done < datagram.Length;)
        {
            var length = Math.Min(datagram.Length - done, maxMessageBytes);
            Add(new FramePiece(_end + done, length, length, done == 0, done + length < datagram.Length), timestamp);
            done += length;
        }

        _end += datagram.Length;
        _cut = _end;
    }

    public void AppendTo(PatientWriter writer)
    {
        var headers = new RecordHeader[MaxHeaders];
        foreach (var (piece, timestamp, part) in _pieces)
        {
            var message = _bytes.AsMemory(piece.Start, piece.Length);
            var count = HeadersOf(message, piece, part, headers);
            writer.Append(new NewRecord(timestamp, message.Span) { Headers = headers.AsSpan(0, count) });
        }
    }

    /// <summary>The records are safe: their room is free.</summary>
    public void Stored()
    {
        _pieces.Clear();
        _bytes.AsSpan(_cut, _end - _cut).CopyTo(_bytes);
        _end -= _cut;
        _cut = 0;
    }

    /// <summary>Frees the buffer while nothing arrives, unless something is in it.</summary>
    public void Release()
    {
        if (_end == 0)
        {
            Return();
            _bytes = [];
        }
    }

    public void Dispose()
    {
        Return();
        _bytes = [];
    }

    private static int HeadersOf(ReadOnlyMemory<byte> message, in FramePiece piece, MessagePart? messagePart, RecordHeader[] headers)
    {
        var count = 0;
        var found = piece.IsStart ? SyslogHeader.Parse(message.Span) : default;
        if (found.Priority is { } priority)
        {
            headers[count++] = FacilityHeaders[priority >> 3];
            headers[count++] = SeverityHeaders[priority & 7];
        }

        AddPart(HostName, found.Host);
        AddPart(AppName, found.App);
        if (piece.IsContinued)
        {
            headers[count++] = ContinuedHeader.Header;
        }

        if (messagePart is { } numbered)
        {
            headers[count++] = numbered.Header;
        }

        return count;

        void AddPart(byte[] name, Part part)
        {
            if (part.Length > 0)
            {
                headers[count++] = new RecordHeader(name, message.Slice(part.Start, part.Length));
            }
        }
    }

    private void Cut(bool isEnd, long timestamp)
    {
        while (_framing.TryCut(_bytes.AsSpan(_cut, _end - _cut), isEnd, out var piece))
        {
            if (piece.Length > 0)
            {
                Add(piece with { Start = _cut + piece.Start }, timestamp);
            }

            _cut += piece.Consumed;
        }
    }

    private void Add(FramePiece piece, long timestamp)
    {
        _lastPart = piece.IsStart ? (piece.IsContinued ? MessagePart.First() : null) : _lastPart?.Next();
        _pieces.Add((piece, timestamp, _lastPart));
        LongMessages += piece.IsContinued && piece.IsStart ? 1 : 0;
    }

    private void Return()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
    }
}
