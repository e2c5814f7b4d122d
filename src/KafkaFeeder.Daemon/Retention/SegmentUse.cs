using KafkaFeeder.Daemon.Files;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Retention;

/// <summary>Whether somebody still needs a segment that is due to be deleted.</summary>
internal enum SegmentUse
{
    /// <summary>Nobody holds a lock on it.</summary>
    Free,

    /// <summary>Somebody holds a lock that every reader can take: delays deletion by <see cref="SegmentLocks.ReaderGrace"/>.</summary>
    Reading,

    /// <summary>Somebody holds a lock that needs write access to the file. The file is not deleted while it is held.</summary>
    Writing,
}

/// <summary>Checks the locks on a segment.</summary>
internal static class SegmentLocks
{
    /// <summary>
    /// How long a lock that a reader may hold delays the deletion after the retention. A segment is written for at most a day: a writer
    /// that has not written for longer would start a new segment.
    /// </summary>
    public static readonly TimeSpan ReaderGrace = TimeSpan.FromDays(1);

    /// <summary>
    /// Writers hold an open file description lock for writing (fcntl(2)), which needs the file open for writing. Writers of earlier
    /// versions hold a shared flock, which anybody can take who can open the file. If <see cref="SegmentUse.Free"/> is returned, this
    /// has taken an exclusive flock, which is held until the handle is closed.
    /// </summary>
    public static SegmentUse Check(SafeFileHandle segment)
    {
        var range = new FileCalls.LockRange { Kind = FileCalls.ReadLock };
        return FileCalls.Fcntl(segment, FileCalls.OfdGetLock, ref range) == 0 && range.Kind == FileCalls.WriteLock ? SegmentUse.Writing
            : FileCalls.Flock(segment, FileCalls.LockExclusive | FileCalls.LockNonBlocking) == 0 ? SegmentUse.Free
            : SegmentUse.Reading;
    }
}
