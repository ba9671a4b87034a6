//! Files mapped to memory.

use std::fs::File;
use std::io::Result;
use std::path::Path;

use he_nn::wire::SharedBytes;

/// The bytes of a file, read where they are whenever they are used.
///
/// # Safety
/// Nobody may write to the file or shorten it for as long as the bytes exist.
pub unsafe fn mapped(path: &Path) -> Result<SharedBytes> {
    // SAFETY: as the caller's.
    let map = unsafe { memmap2::Mmap::map(&File::open(path)?) }?;
    Ok(SharedBytes::new(map))
}
