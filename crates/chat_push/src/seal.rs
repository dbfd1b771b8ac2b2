//! What is sent is sealed for one browser: RFC 8291 on RFC 8188, with the content coding `aes128gcm` in one record.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// The size of a record, as the head says it. A push service takes at least that much in all (RFC 8030, section 7.2).
const RECORD: u32 = 4096;
/// The bytes of a point of the curve, uncompressed.
const POINT: usize = 65;
/// What is sealed is filled up to a multiple of this, so that its size tells little of what was said.
const STEP: usize = 256;
/// The most bytes that may be sealed: what fits into one record besides its head, the end mark and the tag.
pub(crate) const MOST: usize = RECORD as usize - (16 + 4 + 1 + POINT) - 16 - STEP;

/// Nothing can be sealed for this browser: its key is no point of the curve, or it is not in base64url.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unusable;

impl From<Unspecified> for Unusable {
    fn from(_: Unspecified) -> Unusable {
        Unusable
    }
}

/// The parts that go into a record besides the words and the secret that both ends agree on.
struct Parts<'a> {
    auth: &'a [u8],
    /// The browser's public key.
    theirs: &'a [u8],
    /// The public key made for this one message.
    ours: &'a [u8],
    salt: [u8; 16],
}

/// Seals words for the browser that has these, in base64url.
///
/// # Errors
/// The keys are none, or the system has no random numbers.
pub(crate) fn seal(public: &str, auth: &str, words: &[u8]) -> Result<Vec<u8>, Unusable> {
    let (random, mut salt) = (SystemRandom::new(), [0; 16]);
    random.fill(&mut salt)?;
    let private = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
    let ours = private.compute_public_key()?;
    let theirs = BASE64.decode(public).map_err(|_| Unusable)?;
    let auth = BASE64.decode(auth).map_err(|_| Unusable)?;
    let mut filled = words.to_vec();
    // The end mark of the last record, and zeros.
    filled.push(2);
    filled.resize(filled.len().next_multiple_of(STEP), 0);
    let parts = Parts { auth: &auth, theirs: &theirs, ours: ours.as_ref(), salt };
    let peer = UnparsedPublicKey::new(&ECDH_P256, &theirs);
    Ok(agree_ephemeral(private, &peer, |shared| record(shared, &parts, filled))??)
}

/// The head, and the one record.
fn record(shared: &[u8], parts: &Parts<'_>, mut words: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
    let prk = Salt::new(HKDF_SHA256, parts.auth).extract(shared);
    let agreed: [u8; 32] = expand(&prk, &[b"WebPush: info\0", parts.theirs, parts.ours])?;
    let prk = Salt::new(HKDF_SHA256, &parts.salt).extract(&agreed);
    let key: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = expand(&prk, &[b"Content-Encoding: nonce\0"])?;
    // The key is used for this one record.
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut words)?;
    let mut sealed = parts.salt.to_vec();
    sealed.extend_from_slice(&RECORD.to_be_bytes());
    sealed.push(POINT as u8);
    sealed.extend_from_slice(parts.ours);
    sealed.append(&mut words);
    Ok(sealed)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut bytes = [0; N];
    prk.expand(info, Length(N))?.fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::SecretKey;
    use p256::ecdh::diffie_hellman;
    use p256::elliptic_curve::sec1::ToSec1Point;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64.decode(text).unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_rfc_comes_out_byte_for_byte() {
        let ours = SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let theirs = bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let peer = p256::PublicKey::from_sec1_bytes(&theirs).unwrap();
        let shared = diffie_hellman(ours.to_nonzero_scalar(), peer.as_affine());
        assert_eq!(BASE64.encode(shared.raw_secret_bytes()), "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let parts = Parts {
            auth: &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            theirs: &theirs,
            ours: &bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"),
            salt: bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
        };
        let words = b"When I grow up, I want to be a watermelon\x02".to_vec();
        let sealed = record(shared.raw_secret_bytes(), &parts, words).unwrap();
        assert_eq!(
            BASE64.encode(sealed),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn no_key_that_is_none_is_sealed_for() {
        let auth = BASE64.encode([7; 16]);
        for public in [String::new(), BASE64.encode([4; POINT]), "=".repeat(87), format!("B{}", "A".repeat(86))] {
            assert_eq!(seal(&public, &auth, b"x"), Err(Unusable), "{public}");
        }
    }

    #[test]
    fn the_most_that_is_sealed_fits_into_what_services_take() {
        let public = SecretKey::from_slice(&[7; 32]).unwrap().public_key().to_sec1_point(false);
        let (public, auth) = (BASE64.encode(public.as_bytes()), BASE64.encode([7; 16]));
        assert!(seal(&public, &auth, &[b'x'; MOST]).unwrap().len() <= RECORD as usize);
        let sizes = [1, 200].map(|size| seal(&public, &auth, &vec![b'x'; size]).unwrap().len());
        assert_eq!(sizes[0], sizes[1]);
    }
}
