using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Native;

/// <summary>What is known of file systems by the number that statfs(2) gives.</summary>
internal static class FileSystemKind
{
    /// <summary>
    /// Whether a lock on a file is seen by all who open it. So it is where the file system belongs to one kernel. Not on
    /// NFS, CIFS, SMB, 9p and FUSE, where it may stay on this host (or reach only some), and not on overlayfs, below which
    /// the same bytes can be opened as another file. What is not in the list is not known, and so is not trusted.
    /// </summary>
    public static bool HasSharedLocks(SafeFileHandle file) =>
        SystemCalls.FileSystem(file, out var system) == 0 && (uint)system.Type is
            0xEF53 // ext2, ext3, ext4
            or 0x58465342 // XFS
            or 0x01021994 // tmpfs
            or 0x9123683E // btrfs
            or 0x2FC12FC1 // ZFS
            or 0xF2F52010 // F2FS
            or 0xCA451A4E // bcachefs
            or 0x3153464A // JFS
            or 0x52654973 // ReiserFS
            or 0x00004D44 // FAT
            or 0x2011BAB0 // exFAT
            or 0x7366746E; // NTFS (ntfs3)
}
