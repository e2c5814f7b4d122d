using KafkaFeeder.Daemon.Files;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Retention;

/// <summary>Whether somebody still needs a segment that is due to be deleted.</summary>
internal enum SegmentUse
{
    /// <summary>Nobody has it open with a lock.</summary>
    Free,

    /// <summary>Somebody holds a lock that every reader can take. It is respected for a while.</summary>
    Reading,

    /// <summary>Somebody holds a lock that only who may write the file can take. It is respected for as long as it is held.</summary>
    Writing,
}

/// <summary>Looks at the locks on a segment.</summary>
internal static class SegmentLocks
{
    /// <summary>
    /// How long a lock that a reader may hold puts a deletion off, beyond the retention. A day is the longest that a segment
    /// is written to: whoever has it open after that, and last wrote to it before, would begin another one.
    /// </summary>
    public static readonly TimeSpan ReaderGrace = TimeSpan.FromDays(1);

    /// <summary>
    /// Writers hold an open file description lock for writing (fcntl(2)), which needs the file open for writing. Those of
    /// earlier versions hold a shared flock, and so may whoever can open the file at all. As <see cref="SegmentUse.Free"/>
    /// is returned, that flock is held until the handle is closed.
    /// </summary>
    public static SegmentUse Look(SafeFileHandle segment)
    {
        var range = new FileCalls.LockRange { Kind = FileCalls.ReadLock };
        return FileCalls.Fcntl(segment, FileCalls.OfdGetLock, ref range) == 0 && range.Kind == FileCalls.WriteLock ? SegmentUse.Writing
            : FileCalls.Flock(segment, FileCalls.LockExclusive | FileCalls.LockNonBlocking) == 0 ? SegmentUse.Free
            : SegmentUse.Reading;
    }
}
