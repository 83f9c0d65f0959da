//! Memory: protection, kinds of mappings, advice.

use super::names;

names! {
    /// mprotect(2), mmap(2).
    ProtFlags(u32) choices { (0xffff_ffff) { PROT_NONE } } bits { PROT_READ, PROT_WRITE, PROT_EXEC, PROT_SEM = 8, PROT_GROWSDOWN, PROT_GROWSUP };
    /// mmap(2), with x86's numbers.
    MapFlags(u32) choices { (0xf) { MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE } } bits {
        MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_32BIT = 0x40, MAP_GROWSDOWN = 0x100, MAP_DENYWRITE = 0x800, MAP_EXECUTABLE = 0x1000, MAP_LOCKED = 0x2000,
        MAP_NORESERVE = 0x4000, MAP_POPULATE = 0x8000, MAP_NONBLOCK = 0x1_0000, MAP_STACK = 0x2_0000, MAP_HUGETLB = 0x4_0000, MAP_SYNC = 0x8_0000,
        MAP_FIXED_NOREPLACE = 0x10_0000,
    };
    /// mremap(2).
    MremapFlags(u32) bits { MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP };
    /// madvise(2).
    MemAdvice(i32) choices { (0xffff_ffff) {
        MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE,
        MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT,
        MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_COLLAPSE = 25, MADV_HWPOISON,
    } };
    /// msync(2).
    MsyncFlags(u32) bits { MS_ASYNC, MS_SYNC, MS_INVALIDATE };
    /// mlock2(2).
    MlockFlags(i32) bits { MLOCK_ONFAULT = 1 };
    /// mlockall(2).
    MlockallFlags(i32) bits { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT };
}
