using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Native;

/// <summary>What is known about file systems, by the type that statfs(2) returns.</summary>
internal static class FileSystemKind
{
    /// <summary>
    /// Whether everybody who opens a file sees a lock on it. True if the file system belongs to one kernel. False on NFS,
    /// CIFS, SMB, 9p and FUSE, where the lock may stay on this host (or reach only some), and on overlayfs, where the same
    /// bytes can be opened as another file in the layer below. File systems that are not in the list are not trusted.
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
