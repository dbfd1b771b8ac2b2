// A file of the page as brotli has it (RFC 7932): included by build.rs, and by the test that counts what a visit costs.

/// The file, packed with so much effort: 11 is the most.
fn brotli_of(bytes: &[u8], effort: i32) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: effort, lgwin: 19, size_hint: bytes.len(), ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params)?;
    Ok(packed)
}
