using System.ComponentModel;
using System.Runtime.InteropServices;
using KafkaLog.Format.Native;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Writes a file through a memory mapping: bytes that are copied into it survive the process, as after a write call, but
/// without a system call. Zeros are written before they are mapped, so a full disk is an error of that write, not a signal in
/// the middle of a copy. Only on file systems where written bytes keep their place: ext4, XFS, tmpfs. A danger remains: if
/// somebody truncates the file, or the file system is shut down under it, the next copy kills the process (SIGBUS). While it
/// is open, and after a crash, the file ends in zeros (docs/decisions/0005).
/// <para>One thread writes; another one may prepare the next window (<see cref="Prepare"/>).</para>
/// </summary>
internal sealed unsafe class MappedWindow : IDisposable
{
    /// <summary>
    /// How much is mapped at a time. Preparing it takes about 200 us, once in 4,000 records: zeros that were just written are
    /// in large pages of the cache, which is several times as fast as pages that are created on first touch.
    /// </summary>
    private const int WindowBytes = 1 << 20;

    private const long Ext4 = 0xEF53; // statfs(2)
    private const long Xfs = 0x58465342;
    private const long Tmpfs = 0x01021994;

    private static readonly byte[] Zeros = new byte[64 * 1024];

    private readonly SafeFileHandle _file;
    private readonly object _preparing = new();
    private Mapping _current;
    private volatile bool _isWanted;

    // Guarded by _preparing.
    private Mapping _next;
    private bool _isClosed;

    private MappedWindow(SafeFileHandle file) => _file = file;

    /// <summary>A window on an open file; null if mapping is not possible here; write the file with system calls then.</summary>
    public static MappedWindow? TryCreate(SafeFileHandle file) =>
        OperatingSystem.IsLinux() && Environment.Is64BitProcess
        && SystemCalls.FileSystem(file, out var system) == 0 && system.Type is Ext4 or Xfs or Tmpfs
            ? new MappedWindow(file)
            : null;

    /// <summary>
    /// Copies bytes to a position; positions only grow. Returns true, once a window, when it is time to prepare the next.
    /// </summary>
    /// <exception cref="IOException">The disk is full; nothing was written but zeros.</exception>
    public bool Write(ReadOnlySpan<byte> bytes, long position)
    {
        if (!_current.Covers(position, bytes.Length))
        {
            Move(position, bytes.Length);
        }

        bytes.CopyTo(new Span<byte>(_current.Bytes + (position - _current.Start), bytes.Length));
        if (_isWanted || position < _current.End - (WindowBytes / 2))
        {
            return false;
        }

        _isWanted = true;
        return true;
    }

    /// <summary>Prepares the space after the window, so that the writer need not. May be called by any thread.</summary>
    public void Prepare()
    {
        if (!_isWanted)
        {
            return;
        }

        lock (_preparing)
        {
            if (_isClosed || !_isWanted || _next.Bytes is not null)
            {
                return;
            }

            try
            {
                // One page earlier, for a batch that crosses the border.
                _next = Map(_current.End, _current.End - Environment.SystemPageSize, WindowBytes + Environment.SystemPageSize);
            }
            catch (Exception e) when (SegmentFile.IsWriteFailure(e))
            {
                // The writer will get the same error, and its caller, too.
            }
        }
    }

    public void Dispose()
    {
        lock (_preparing)
        {
            _isClosed = true;
            _current.Unmap();
            _next.Unmap();
        }
    }

    private void Move(long position, int bytes)
    {
        lock (_preparing)
        {
            _isWanted = false;
            _current.Unmap(); // also if the next lines fail: the caller then truncates the file, and the window would be past its end
            (_current, _next) = (_next, default);
            if (!_current.Covers(position, bytes))
            {
                _current.Unmap();
                var start = position / Environment.SystemPageSize * Environment.SystemPageSize;
                _current = Map(position, start, (position + bytes - start + WindowBytes - 1) / WindowBytes * WindowBytes);
            }
        }
    }

    private Mapping Map(long zerosFrom, long start, long length)
    {
        for (var at = zerosFrom; at < start + length; at += Zeros.Length)
        {
            RandomAccess.Write(_file, Zeros.AsSpan(0, (int)Math.Min(Zeros.Length, start + length - at)), at);
        }

        var mapped = SystemCalls.Map(IntPtr.Zero, (nuint)length, SystemCalls.ProtectReadWrite, SystemCalls.MapShared, _file, start);
        if (mapped == -1)
        {
            var errno = Marshal.GetLastPInvokeError();
            throw new IOException($"cannot map {length} bytes at position {start}: {new Win32Exception(errno).Message} (errno {errno})");
        }

        return new Mapping { Bytes = (byte*)mapped, Start = start, Length = length };
    }

    private struct Mapping
    {
        public byte* Bytes;
        public long Start;
        public long Length;

        public readonly long End => Start + Length;

        public readonly bool Covers(long position, int bytes) => Bytes is not null && position >= Start && position + bytes <= End;

        public void Unmap()
        {
            if (Bytes is not null)
            {
                _ = SystemCalls.Unmap((IntPtr)Bytes, (nuint)Length);
                this = default;
            }
        }
    }
}
