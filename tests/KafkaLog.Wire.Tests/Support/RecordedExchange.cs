using System.Buffers.Binary;

namespace KafkaLog.Wire.Tests.Support;

/// <summary>Requests and responses of one connection to a real broker. See data/README.md.</summary>
internal sealed class RecordedExchange
{
    private readonly Queue<(byte[] Request, byte[] Response)> _exchanges = new();

    private RecordedExchange(IEnumerable<(byte[] Request, byte[] Response)> exchanges) => _exchanges = new(exchanges);

    /// <summary>Each request with its response, both without the size in front.</summary>
    public IReadOnlyCollection<(byte[] Request, byte[] Response)> All => _exchanges;

    /// <summary>Reads a recording.</summary>
    public static RecordedExchange Read(string name)
    {
        var requests = new List<byte[]>();
        var responses = new MemoryStream();
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "data", "kafka-4.3.1", name + ".txt")))
        {
            var bytes = Convert.FromHexString(line[2..]);
            if (line[0] == '>')
            {
                requests.Add(bytes[4..]);
            }
            else
            {
                responses.Write(bytes);
            }
        }

        return new RecordedExchange(requests.Zip(Split(responses.ToArray())));
    }

    /// <summary>A stream that answers as the broker did, if it is asked the same.</summary>
    public Stream Replay() => new ReplayStream(this);

    private static IEnumerable<byte[]> Split(byte[] responses)
    {
        for (var at = 0; at < responses.Length;)
        {
            var size = BinaryPrimitives.ReadInt32BigEndian(responses.AsSpan(at));
            yield return responses[(at + 4)..(at + 4 + size)];
            at += 4 + size;
        }
    }

    private sealed class ReplayStream(RecordedExchange recorded) : Stream
    {
        private readonly Lock _lock = new();
        private readonly MemoryStream _answers = new();
        private readonly SemaphoreSlim _more = new(0);
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            lock (_lock)
            {
                var (request, response) = recorded._exchanges.Dequeue();
                if (!buffer.Span[4..].SequenceEqual(request))
                {
                    throw new InvalidDataException(
                        $"other request than recorded:\n{Convert.ToHexString(buffer.Span[4..])}\n{Convert.ToHexString(request)}");
                }

                Span<byte> size = stackalloc byte[4];
                BinaryPrimitives.WriteInt32BigEndian(size, response.Length);
                _answers.Position = _answers.Length;
                _answers.Write(size);
                _answers.Write(response);
            }

            _more.Release();
            return ValueTask.CompletedTask;
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                lock (_lock)
                {
                    _answers.Position = _read;
                    var read = _answers.Read(buffer.Span);
                    _read += read;
                    if (read > 0)
                    {
                        return read;
                    }
                }

                await _more.WaitAsync(cancellationToken);
            }
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
