using System.Buffers;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Writes one segment with given offsets, to convert or to repair one. For a log that is being written there is
/// <see cref="LogWriter"/>. Not thread-safe. A crash leaves the file without its end.
/// </summary>
public sealed class SegmentWriter : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly byte _magic;
    private readonly int _batchBytes;
    private readonly ICompressionCodec? _codec;
    private readonly IBatchBuilder _builder;
    private readonly ArrayBufferWriter<byte> _compressed = new();
    private readonly long _segmentId = SegmentId.Create();
    private readonly int _lockMark;
    private long _position;
    private long _baseOffset;
    private long _nextOffset;
    private bool _isComplete;

    private SegmentWriter(SafeFileHandle file, string path, byte magic, CompressionType compression, int batchBytes)
    {
        _file = file;
        _path = path;
        _magic = magic;
        _batchBytes = batchBytes;
        _codec = CompressionCodecs.For(compression, magic);
        _builder = BatchBuilders.Create(magic, batchBytes);
        _lockMark = SegmentLock.Hold(file) == 0 ? LockMark.Of(file) : LockMark.None;
    }

    /// <summary>Creates the file.</summary>
    /// <param name="path">It must not exist.</param>
    /// <param name="magic">0, 1 or 2.</param>
    /// <param name="compression">How batches are compressed.</param>
    /// <param name="batchBytes">The size at which a batch is closed, in bytes before compression.</param>
    /// <exception cref="ArgumentException">There is no such magic, or it does not have the codec.</exception>
    /// <exception cref="UnsupportedBatchException">The codec's native library is not installed; the message names its package.</exception>
    /// <exception cref="IOException">The file exists, or cannot be created.</exception>
    public static SegmentWriter Create(
        string path, byte magic = 2, CompressionType compression = CompressionType.None, int batchBytes = 64 * 1024)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(magic, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchBytes, 1);
        if (compression != CompressionType.None)
        {
            var codec = CompressionCodecs.For(compression, magic)
                ?? throw new ArgumentException($"Magic {magic} does not have {compression}.", nameof(compression));
            codec.Compress([], new ArrayBufferWriter<byte>());
        }

        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        return new SegmentWriter(file, path, magic, compression, batchBytes);
    }

    /// <summary>Appends a record. A gap in the offsets starts a new batch.</summary>
    /// <exception cref="ArgumentException">The offset is not above the last one, or the magic cannot hold the record.</exception>
    /// <exception cref="IOException">The write failed; the writer cannot be used any more.</exception>
    public void Append(in NewRecord record, long offset)
    {
        ObjectDisposedException.ThrowIf(_isComplete, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, _nextOffset);
        if (!BatchBuilders.CanHold(record, _magic, out var fault))
        {
            throw new ArgumentException(fault, nameof(record));
        }

        if (_builder.RecordsCount > 0 && (offset != _nextOffset || _builder.Bytes + BatchBuilders.MaxEncodedBytes(record) > _batchBytes))
        {
            WriteBatch();
        }

        if (_builder.RecordsCount == 0)
        {
            _baseOffset = offset;
        }

        _builder.Append(record);
        _nextOffset = offset + 1;
    }

    /// <summary>Writes what is left, forces the file to the disk and closes it.</summary>
    /// <exception cref="IOException">It cannot be written, or not forced to the disk.</exception>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(_isComplete, this);
        WriteBatch();
        DurableFile.Sync(_file, _path);
        _file.Dispose();
        DurableFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
        _isComplete = true;
    }

    /// <summary>Deletes the file unless it is complete.</summary>
    public void Dispose()
    {
        _builder.Dispose();
        if (!_isComplete)
        {
            _isComplete = true;
            _file.Dispose();
            File.Delete(_path);
        }
    }

    private void WriteBatch()
    {
        if (_builder.RecordsCount == 0)
        {
            return;
        }

        var batch = _builder.Complete(_baseOffset, _segmentId, _codec, _compressed, _lockMark);
        try
        {
            RandomAccess.Write(_file, batch, _position);
        }
        catch (Exception e) when (SegmentFile.IsWriteFailure(e))
        {
            throw new IOException($"cannot write {batch.Length} bytes at position {_position} of {_path}: {e.Message}", e);
        }

        _position += batch.Length;
        _builder.Reset();
    }
}
