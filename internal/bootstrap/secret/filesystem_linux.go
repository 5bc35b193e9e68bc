package secret

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fileSystems are names of statfs' magic numbers, for those that a file of a user's
// is likely to lie on.
var fileSystems = map[uint32]string{
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.RAMFS_MAGIC:           "ramfs",
	unix.EXT4_SUPER_MAGIC:      "ext4", // and ext2 and ext3
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.F2FS_SUPER_MAGIC:      "f2fs",
	0x2fc12fc1:                 "zfs",
	0xca451a4e:                 "bcachefs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
	unix.ECRYPTFS_SUPER_MAGIC:  "ecryptfs",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.SMB2_SUPER_MAGIC:      "smb",
	unix.CIFS_SUPER_MAGIC:      "smb",
	unix.CEPH_SUPER_MAGIC:      "ceph",
	unix.V9FS_MAGIC:            "9p",
	unix.MSDOS_SUPER_MAGIC:     "vfat",
	unix.EXFAT_SUPER_MAGIC:     "exfat",
	unix.SQUASHFS_MAGIC:        "squashfs",
	unix.PROC_SUPER_MAGIC:      "proc",
	unix.SYSFS_MAGIC:           "sysfs",
	unix.HUGETLBFS_MAGIC:       "hugetlbfs",
	unix.PIPEFS_MAGIC:          "pipefs",
}

// inMemory refuses what isn't sure to live in memory, by its name. An overlay is
// refused whatever lies below it, for that can't be seen.
func inMemory(f *os.File) error {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &stat); err != nil {
		return fmt.Errorf("lies on a file system that can't be told: %w", err)
	}
	return judge(uint32(stat.Type))
}

func judge(magic uint32) error {
	switch name, known := fileSystems[magic]; {
	case magic == unix.TMPFS_MAGIC, magic == unix.RAMFS_MAGIC:
		return nil
	case known:
		return fmt.Errorf("lies on %s, not on tmpfs or ramfs", name)
	default:
		return fmt.Errorf("lies on a file system of the type %#x, not on tmpfs or ramfs", magic)
	}
}
