// The tag of a file, for build.rs and for the files of a folder: other bytes, another tag. FNV-1a, 64 bits.
fn tag(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{:x}-{hash:x}", bytes.len())
}

/// Whether a file has an address with the version of the page, under which it never changes.
fn is_versioned(name: &str) -> bool {
    (name.ends_with(".js") || name.ends_with(".css")) && name != "sw.js"
}
