//! Bytes as an ELF file, as far as the loader reads it before it maps anything: no panic, and no more memory than limits allow.

#![no_main]

use std::fs::File;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;

use forklift::loader::elf::{Elf, machine, read_head};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = memory_file();
    if file.write_all_at(data, 0).is_err() {
        return;
    }
    let Ok(head) = read_head(&file) else { return };
    let _ = machine(&head);
    let Ok(elf) = Elf::parse(&file, &head) else { return };
    let _ = elf.interpreter(&file);
    let _ = elf.has_dynamic_name(&file, b"libc.so.6");
    let _ = (elf.loads().count(), elf.max_align(), elf.total_size(), elf.phdr_addr());
});

/// A file without a name.
fn memory_file() -> File {
    // SAFETY: a string that ends, and no flags.
    let fd = unsafe { libc::memfd_create(c"elf".as_ptr(), 0) };
    assert!(fd >= 0, "no memory for a file");
    // SAFETY: fresh, and nobody else's.
    unsafe { File::from_raw_fd(fd) }
}
