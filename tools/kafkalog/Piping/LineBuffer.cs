using System.Buffers;
using KafkaLog.Format.Records;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Piping;

/// <summary>What was read and is not safe yet, cut into lines. Memory: one line of the maximum, and a chunk.</summary>
internal sealed class LineBuffer(int maxLineBytes) : IRecordSource, IDisposable
{
    private const int ChunkBytes = 256 * 1024;

    private static readonly RecordHeader[] Continued = [ContinuedHeader.Header];

    private readonly LineSplitter _splitter = new(maxLineBytes);
    private readonly List<(int Start, int Length, bool IsContinued)> _pieces = [];
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(ChunkBytes);
    private int _cut;
    private int _end;
    private long _timestamp;
    private bool _isInLongLine;

    /// <summary>True if there are records to store.</summary>
    public bool HasRecords => _pieces.Count > 0;

    /// <summary>How many lines were too long for a record so far.</summary>
    public long LongLines { get; private set; }

    /// <summary>Room to read into: at least half a chunk.</summary>
    public Span<byte> Room()
    {
        if (_bytes.Length - _end < ChunkBytes / 2)
        {
            Grow();
        }

        return _bytes.AsSpan(_end);
    }

    /// <summary>So many bytes were read into <see cref="Room"/>, at that time.</summary>
    public void Add(int bytes, long timestamp)
    {
        _end += bytes;
        _timestamp = timestamp;
        Cut(isEnd: false);
    }

    /// <summary>The input is over: what is left is a line.</summary>
    public void End() => Cut(isEnd: true);

    public void AppendTo(PatientWriter writer)
    {
        foreach (var (start, length, isContinued) in _pieces)
        {
            writer.Append(new NewRecord(_timestamp, _bytes.AsSpan(start, length)) { Headers = isContinued ? Continued : [] });
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

    public void Dispose() => ArrayPool<byte>.Shared.Return(_bytes);

    private void Cut(bool isEnd)
    {
        while (_splitter.TryCut(_bytes.AsSpan(_cut, _end - _cut), isEnd, out var piece))
        {
            _pieces.Add((_cut, piece.Length, piece.IsContinued));
            _cut += piece.Consumed;
            LongLines += piece.IsContinued && !_isInLongLine ? 1 : 0;
            _isInLongLine = piece.IsContinued;
        }
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(_end + ChunkBytes);
        _bytes.AsSpan(0, _end).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}
