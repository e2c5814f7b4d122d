using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// One open segment of a writer. Created exclusively, so nobody else's file is ever appended to; locked while it is open,
/// which shows readers that its writer lives (<see cref="SegmentLock"/>). What a crash leaves: whole batches, and after them
/// at most one torn batch.
/// </summary>
internal sealed class SegmentFile
{
    private readonly SafeFileHandle _file;
    private readonly MappedWindow? _window;
    private readonly UnsyncedFile _unsynced;

    private SegmentFile(string path, SafeFileHandle file, DateTimeOffset opened, bool isMapped)
    {
        Path = path;
        _file = file;
        _window = isMapped ? MappedWindow.TryCreate(file) : null;
        Opened = opened;
        Id = SegmentId.Create();
        _unsynced = UnsyncedFile.Of(path);
        LockError = SegmentLock.Hold(file);
        LockMark = LockError == 0 ? Segments.LockMark.Of(file) : Segments.LockMark.None;
    }

    public string Path { get; }

    public DateTimeOffset Opened { get; }

    /// <summary>The segment's identity: it stands as producer id in each of its batches.</summary>
    public long Id { get; }

    /// <summary>What its batches say about its lock.</summary>
    public int LockMark { get; }

    /// <summary>
    /// The system's error number if the file could not be locked: then nobody can tell that its writer lives. 0: the lock is held.
    /// </summary>
    public int LockError { get; }

    /// <summary>Where the next batch goes, in bytes.</summary>
    public long Position { get; private set; }

    /// <summary>The offset of the next record.</summary>
    public long NextOffset { get; private set; }

    /// <summary>False while batches are written that no sync has covered.</summary>
    public bool IsSynced { get; private set; }

    /// <summary>Records that no sync has covered.</summary>
    public long UnsyncedRecords { get; private set; }

    /// <summary>True once a sync has failed: never sync it again.</summary>
    public bool HasSyncFailed { get; private set; }

    /// <summary>True once a write reached the largest size that a file may have here; another file has room.</summary>
    public bool IsAtSizeLimit { get; private set; }

    /// <summary>Creates the segment; null if the name is taken.</summary>
    public static SegmentFile? TryCreate(string directory, SegmentName name, DateTimeOffset opened, bool isMapped)
    {
        var path = System.IO.Path.Combine(directory, name.FileName);
        try
        {
            // ReadWrite: network file systems give no lock on a file that is open for writing only.
            return new SegmentFile(path, File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read), opened, isMapped);
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }

    /// <summary>Writes a batch after the others. On an error nothing of it counts, and the file is truncated to what counts.</summary>
    /// <exception cref="IOException">The system's reason.</exception>
    public void Write(ReadOnlySpan<byte> batch, int recordsCount)
    {
        Debug.Assert(!IsAbandoned, "what follows the remains of a failed write, or of a failed sync, is not safe");
        try
        {
            if (_window is null)
            {
                RandomAccess.Write(_file, batch, Position);
            }
            else
            {
                WantsPreparation |= _window.Write(batch, Position);
            }
        }
        catch (Exception e) when (IsWriteFailure(e))
        {
            CutBack();
            IsAtSizeLimit |= e is ArgumentOutOfRangeException;
            throw new IOException($"cannot write {batch.Length} bytes at position {Position} of {Path}: {e.Message}", e);
        }

        Position += batch.Length;
        NextOffset += recordsCount;
        UnsyncedRecords += recordsCount;
        IsSynced = false;
    }

    /// <summary>True when <see cref="Prepare"/> would save the next write some work.</summary>
    public bool WantsPreparation { get; private set; }

    /// <summary>Prepares room for the batches to come. May be called by another thread than the one that writes.</summary>
    public void Prepare()
    {
        WantsPreparation = false;
        _window?.Prepare();
    }

    /// <summary>True once a write failed and its remains could not be cut off: nothing may be appended after them.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>The fault of a segment that no longer exists.</summary>
    public const string Removed = "was removed";

    /// <summary>True once a sync found that the file is in no directory any more.</summary>
    public bool HasNoName { get; private set; }

    /// <summary>
    /// Whether the segment is in its place, with all that was written. If not, <paramref name="fault"/> is the end of a sentence.
    /// </summary>
    public bool IsInPlace([NotNullWhen(false)] out string? fault)
    {
        if (!OperatingSystem.IsLinux())
        {
            fault = File.Exists(Path) ? null : Removed;
        }
        else if (SegmentHandle.TryStatPath(Path) is not { } there)
        {
            fault = Removed;
        }
        else
        {
            var here = SegmentHandle.Stat(_file);
            fault = there.Inode != here.Inode || there.Device != here.Device ? "was replaced by another file"
                : here.Bytes < Position ? $"was cut to {here.Bytes} bytes"
                : null;
        }

        return fault is null;
    }

    /// <exception cref="DurabilityException">The segment is abandoned then.</exception>
    public void Sync()
    {
        Debug.Assert(!HasSyncFailed, "a second fsync of the same file reports success although the data are gone");
        try
        {
            DurableFile.Sync(_file, Path);
            HasNoName = SegmentHandle.IsWithoutName(_file);
            if (HasNoName)
            {
                throw DurabilityException.OfRemoved(Path);
            }

            IsSynced = true;
            UnsyncedRecords = 0;
        }
        catch (DurabilityException)
        {
            HasSyncFailed = true;
            IsAbandoned = true;
            throw;
        }
    }

    /// <summary>Closes the file. Returns a handle to sync it with, if it is not synced yet; null if there is nothing to sync.</summary>
    public UnsyncedFile? Close()
    {
        if (_window is not null)
        {
            _window.Dispose();
            CutBack(); // space that was reserved and not used
        }

        _file.Dispose();
        if (!IsSynced && !HasSyncFailed)
        {
            return _unsynced;
        }

        _unsynced.Dispose();
        return null;
    }

    /// <summary>True for the exceptions that the framework throws on ENOSPC, EIO, EROFS, EFBIG and a vanished mount.</summary>
    internal static bool IsWriteFailure(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    private void CutBack()
    {
        try
        {
            RandomAccess.SetLength(_file, Position);
        }
        catch (Exception e) when (IsWriteFailure(e))
        {
            IsAbandoned = true;
        }
    }
}
