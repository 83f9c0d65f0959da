//! Packages as files (deb(5)): an ar archive with two tar archives in it, one of which are the files.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use tar::{Archive, EntryType};

use crate::error::Error;
use crate::tree::Tree;

/// At the start of an ar archive.
const AR: &[u8] = b"!<arch>\n";
const AR_HEADER: usize = 60;

/// Unpacks a package's files into a tree; returns their paths as dpkg lists them.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Io`].
pub fn unpack(path: &Path, tree: &Tree) -> Result<Vec<String>, Error> {
    let bad = |e: io::Error| Error::Malformed(path.display().to_string(), e.to_string());
    let file = File::open(path).map_err(Error::io(path))?;
    let (name, data) = member(BufReader::new(file), "data.tar").map_err(bad)?;
    extract(&mut *decompress(&name, data).map_err(bad)?, tree).map_err(bad)
}

/// Name and content of the member of an ar archive whose name begins with `wanted`.
fn member<R: Read + Seek>(mut ar: R, wanted: &str) -> io::Result<(String, io::Take<R>)> {
    let mut magic = [0; AR.len()];
    ar.read_exact(&mut magic)?;
    if magic != AR {
        return Err(invalid("no package: it isn't an ar archive"));
    }
    loop {
        let mut header = [0; AR_HEADER];
        ar.read_exact(&mut header).map_err(|_| invalid("a package without files"))?;
        let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&header[range]).trim().trim_end_matches('/').to_owned();
        let size: u64 = text(48..58).parse().map_err(|_| invalid("an ar archive with a bad header"))?;
        if text(0..16).starts_with(wanted) {
            return Ok((text(0..16), ar.take(size)));
        }
        // Members begin at even offsets.
        ar.seek(SeekFrom::Current((size + size % 2) as i64))?;
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A reader of what was compressed as the end of its name says.
///
/// # Errors
/// A way to compress that isn't known; a bad header.
pub fn decompress<'r>(name: &str, from: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("xz") => Ok(Box::new(XzReader::new(from, true))),
        Some("gz") => Ok(Box::new(MultiGzDecoder::new(from))),
        Some("zst") => Ok(Box::new(StreamingDecoder::new(from).map_err(|e| invalid(&e.to_string()))?)),
        Some("tar") | None => Ok(Box::new(from)),
        Some(other) => Err(invalid(&format!("compressed in a way that isn't known: {other}"))),
    }
}

fn extract(tar: &mut dyn Read, tree: &Tree) -> io::Result<Vec<String>> {
    let mut archive = Archive::new(tar);
    let mut list = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let target = entry.link_name()?.map(std::borrow::Cow::into_owned);
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let added = match (entry.header().entry_type(), &target) {
            (EntryType::Directory, _) => tree.add_directory(&path),
            (EntryType::Regular | EntryType::Continuous, _) => {
                let mode = entry.header().mode()?;
                tree.add_file(&path, mode, &mut entry)
            }
            (EntryType::Symlink, Some(target)) => tree.add_link(&path, target),
            (EntryType::Link, Some(target)) => tree.add_name(&path, target),
            // Devices: only root can make them, and the host's are seen.
            _ => continue,
        };
        added.map_err(named)?;
        let absolute = Path::new("/").join(path.strip_prefix(".").unwrap_or(&path));
        list.push(if absolute == Path::new("/") { "/.".to_owned() } else { absolute.display().to_string() });
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = AR.to_vec();
        for (name, content) in members {
            bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len()).bytes());
            bytes.extend(*content);
            bytes.extend(vec![b'\n'; content.len() % 2]);
        }
        bytes
    }

    #[test]
    fn members_of_ar() {
        let bytes = ar(&[("debian-binary", b"2.0"), ("control.tar.xz/", b"abc"), ("data.tar.zst", b"defg")]);
        let (name, mut data) = member(io::Cursor::new(&bytes), "data.tar").unwrap();
        let mut content = String::new();
        data.read_to_string(&mut content).unwrap();
        assert_eq!((name.as_str(), content.as_str()), ("data.tar.zst", "defg"));
        for bad in [&bytes[..40], b"!<arch>\n", b"", &bytes[..bytes.len() - 80]] {
            assert!(member(io::Cursor::new(bad), "data.tar").is_err());
        }
    }

    /// "some text" in each of the ways that packages are compressed.
    const XZ: &[u8] =
        b"\xfd7zXZ\0\0\x01i\"\xde6\x02\0!\x01\x16\0\0\0t/\xe5\xa3\x01\0\x08some text\0\0\0\0\xba\xbd\xbaO\0\x01\x1d\t\x93a6\xa6\x90B\x99\r\x01\0\0\0\0\x01YZ";
    const GZ: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03+\xce\xcfMU(I\xad(\x01\0\xba\xbd\xbaO\t\0\0\0";
    const ZST: &[u8] = b"(\xb5/\xfd\0XI\0\0some text";

    #[test]
    fn ways_to_compress() {
        for (name, bytes) in [("a.tar.xz", XZ), ("a.tar.gz", GZ), ("a.tar.zst", ZST), ("a.tar", b"some text")] {
            let mut text = String::new();
            decompress(name, bytes).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "some text", "{name}");
        }
    }

    #[test]
    fn unknown_compression_is_refused() {
        assert!(decompress("data.tar.lz4", io::empty()).err().unwrap().to_string().ends_with("lz4"));
    }
}
