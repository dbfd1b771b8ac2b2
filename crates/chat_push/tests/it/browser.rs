//! What a browser does with a push: RFC 8291, section 3.4, from the other end, with other code than the server's where there is some.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

pub(crate) struct Browser {
    pub(crate) name: &'static str,
    key: SecretKey,
    auth: [u8; 16],
}

impl Browser {
    pub(crate) fn new(name: &'static str) -> Browser {
        let digit = name.len() as u8;
        Browser { name, key: SecretKey::from_slice(&[digit; 32]).expect("a key"), auth: [digit; 16] }
    }

    fn point(&self) -> Vec<u8> {
        self.key.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    pub(crate) fn public(&self) -> String {
        BASE64.encode(self.point())
    }

    pub(crate) fn auth(&self) -> String {
        BASE64.encode(self.auth)
    }

    /// Opens what a push service hands on.
    pub(crate) fn open(&self, sealed: &[u8]) -> Value {
        let (salt, rest) = sealed.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert_eq!((size, rest[0]), (&4096_u32.to_be_bytes()[..], 65));
        let (server, sealed) = rest[1..].split_at(65);
        let peer = PublicKey::from_sec1_bytes(server).expect("a point of the curve");
        let shared = diffie_hellman(self.key.to_nonzero_scalar(), peer.as_affine());
        let info = [b"WebPush: info\0", &self.point()[..], server].concat();
        let agreed = derive(&self.auth, shared.raw_secret_bytes(), &info);
        let key = derive(salt, &agreed, b"Content-Encoding: aes128gcm\0");
        let nonce = derive(salt, &agreed, b"Content-Encoding: nonce\0");
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).expect("a key"));
        let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).expect("a nonce");
        let mut sealed = sealed.to_vec();
        let opened = key.open_in_place(nonce, Aad::empty(), &mut sealed).expect("it is sealed for this browser");
        let end = opened.iter().rposition(|byte| *byte != 0).expect("an end mark");
        assert_eq!(opened[end], 2, "the last record");
        serde_json::from_slice(&opened[..end]).expect("JSON")
    }
}

/// HKDF-SHA256 (RFC 5869), of which one block is enough.
fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> Vec<u8> {
    let sign = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec();
    sign(&sign(salt, secret), &[info, &[1]].concat())
}

/// What the server claims, if its signature is good.
pub(crate) fn claims(authorization: &str) -> Value {
    let (token, key) = authorization.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).expect("VAPID");
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let bytes = |text: &str| BASE64.decode(text).expect("base64url");
    let checks = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key));
    checks.verify(signed.as_bytes(), &bytes(signature)).expect("it is signed by the key");
    serde_json::from_slice(&bytes(signed.split_once('.').expect("claims").1)).expect("JSON")
}
