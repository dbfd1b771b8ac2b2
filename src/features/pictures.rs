//! How large a picture is, by the head of its file: a page keeps its place before the picture comes.

use std::io::{self, Read, Seek, SeekFrom};

/// The most segments of a JPEG that are looked at, and the most bytes of its Exif.
const SEGMENTS: usize = 128;
const EXIF: usize = 64 * 1024;

/// The width and height of a PNG, JPEG, GIF or WebP as browsers show it; `None` of what is none of them, or too large to be told.
pub(crate) fn pixels(file: &mut (impl Read + Seek)) -> Option<(u16, u16)> {
    let mut head = [0; 30];
    let mut read = 0;
    while let Ok(count @ 1..) = file.read(&mut head[read..]) {
        read += count;
    }
    let head = &head[..read];
    let size = if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        (big(head, 16)?, big(head, 20)?)
    } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        (little(head, 6, 2)?, little(head, 8, 2)?)
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        webp(head)?
    } else if head.starts_with(b"\xff\xd8\xff") {
        jpeg(file).ok()??
    } else {
        return None;
    };
    let (width, height) = (u16::try_from(size.0).ok()?, u16::try_from(size.1).ok()?);
    (width > 0 && height > 0).then_some((width, height))
}

/// The four bytes at `at`, the greatest first.
fn big(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// So many bytes at `at`, the smallest first.
fn little(bytes: &[u8], at: usize, count: usize) -> Option<u32> {
    Some(bytes.get(at..at + count)?.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

/// The three forms of a WebP (RFC 9649, section 2).
fn webp(head: &[u8]) -> Option<(u32, u32)> {
    match head.get(12..16)? {
        b"VP8 " if head.get(23..26) == Some(b"\x9d\x01\x2a") => {
            Some((little(head, 26, 2)? & 0x3fff, little(head, 28, 2)? & 0x3fff))
        }
        b"VP8L" if head.get(20) == Some(&0x2f) => {
            let bits = little(head, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((little(head, 24, 3)? + 1, little(head, 27, 3)? + 1)),
        _ => None,
    }
}

/// Goes from segment to segment to the frame's head (ITU T.81, section B.2.2). A photo may lie on its side: its Exif says so.
fn jpeg(file: &mut (impl Read + Seek)) -> io::Result<Option<(u32, u32)>> {
    let mut at = 2;
    let mut is_on_its_side = false;
    for _ in 0..SEGMENTS {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 9];
        file.read_exact(&mut head)?;
        let [0xff, kind, first, second, ..] = head else { return Ok(None) };
        if kind == 0xff {
            // A byte that fills.
            at += 1;
            continue;
        }
        let length = u16::from_be_bytes([first, second]);
        match kind {
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let [.., h1, h2, w1, w2] = head;
                let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
                let (width, height) = if is_on_its_side { (height, width) } else { (width, height) };
                return Ok(Some((width.into(), height.into())));
            }
            0xe1 => {
                let mut exif = vec![0; usize::from(length).saturating_sub(2).min(EXIF)];
                file.seek(SeekFrom::Start(at + 4))?;
                file.read_exact(&mut exif)?;
                is_on_its_side |= turned(&exif).unwrap_or(false);
            }
            // What is drawn begins, or ends: there was no head.
            0xd9 | 0xda => return Ok(None),
            _ => {}
        }
        at += 2 + u64::from(length);
    }
    Ok(None)
}

/// Whether a picture is shown turned by a quarter: the tag Orientation (0x0112) of its Exif is 5 to 8.
fn turned(exif: &[u8]) -> Option<bool> {
    let tiff = exif.strip_prefix(b"Exif\0\0")?;
    let is_little = tiff.starts_with(b"II");
    let number = |at: usize, count: usize| {
        let bytes = tiff.get(at..at.checked_add(count)?)?;
        let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        Some(if is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let first = number(4, 4)?;
    let count = number(first, 2)?;
    let tag = (0..count)
        .map(|n| first + 2 + 12 * n)
        .take_while(|at| *at < tiff.len())
        .find(|at| number(*at, 2) == Some(0x0112))?;
    Some((5..=8).contains(&number(tag + 8, 2)?))
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn size(bytes: &[u8]) -> Option<(u16, u16)> {
        pixels(&mut Cursor::new(bytes))
    }

    /// A JPEG as cameras make it: what its Exif says of it, a table, and the head of its frame.
    fn photo(orientation: u8, is_little: bool) -> Vec<u8> {
        let exif: &[u8] = if is_little {
            &[b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]
        } else {
            &[b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]
        };
        let mut bytes = b"\xff\xd8\xff\xe1".to_vec();
        bytes.extend([0, 8 + exif.len() as u8]);
        bytes.extend(b"Exif\0\0");
        bytes.extend(exif);
        bytes.extend(b"\xff\xdb\x00\x04ab\xff\xff\xc2\x00\x11\x08\x01\xe0\x02\x80\x03");
        bytes
    }

    #[test]
    fn each_kind_of_picture_says_how_large_it_is() {
        assert_eq!(size(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06"), Some((640, 480)));
        assert_eq!(size(b"GIF89a\x80\x02\xe0\x01\xf7"), Some((640, 480)));
        assert_eq!(size(b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x30\x01\0\x9d\x01\x2a\x80\x02\xe0\x01"), Some((640, 480)));
        assert_eq!(size(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\x00\0\0\0\0\0"), Some((640, 480)));
        assert_eq!(size(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0"), Some((640, 480)));
        assert_eq!(size(b"\xff\xd8\xff\xc0\x00\x11\x08\x01\xe0\x02\x80\x03"), Some((640, 480)));
    }

    #[test]
    fn a_photo_of_a_phone_that_was_held_upright_is_upright() {
        for is_little in [true, false] {
            assert_eq!(size(&photo(1, is_little)), Some((640, 480)));
            assert_eq!(size(&photo(3, is_little)), Some((640, 480)));
            assert_eq!(size(&photo(6, is_little)), Some((480, 640)));
            assert_eq!(size(&photo(8, is_little)), Some((480, 640)));
        }
    }

    #[test]
    fn what_is_no_picture_has_no_size() {
        let too_wide = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\x01\0\0\0\0\x01\xe0\x08\x06";
        let empty = b"GIF89a\0\0\0\0\xf7";
        for bytes in [&b""[..], b"<svg width='3'/>", b"\xff\xd8\xff\xda\x00\x02", b"\x89PNG\r\n\x1a\n", too_wide, empty]
        {
            assert_eq!(size(bytes), None, "{bytes:?}");
        }
        let whole = photo(6, true);
        for end in 0..whole.len() - 3 {
            assert_eq!(size(&whole[..end]), None);
        }
    }

    proptest! {
        /// Whatever a file holds, its size is looked for within bounds, and nothing panics.
        #[test]
        fn no_bytes_hurt(kind in 0_usize..4, rest in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..60) {
            let begin = [&b"\xff\xd8\xff\xe1"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8", b"GIF89a"][kind];
            let _any = size(&[begin, &rest].concat());
            let mut photo = photo(6, true);
            let at = at % photo.len();
            photo.splice(at..at, rest);
            let _any = size(&photo);
        }
    }
}
