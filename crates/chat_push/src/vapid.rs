//! The key by which push services know this server (RFC 8292). Browsers subscribe for its public half.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

/// How long a signature is good, in seconds. A day is the most (RFC 8292, section 2).
const GOOD: i64 = 12 * 60 * 60;

/// The key, with what signs.
pub struct Vapid {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    public: String,
}

impl Vapid {
    /// Reads the key of a file, and makes one where there is none yet: PKCS #8, for its owner alone.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn open(file: &Path) -> io::Result<Vapid> {
        match fs::read(file) {
            Ok(bytes) => Vapid::of(&bytes).map_err(|_| {
                let what = "it holds no key. Take it from a backup, or remove it: then a new key is made, and browsers subscribe again";
                io::Error::new(io::ErrorKind::InvalidData, what)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
                let made = made.map_err(|_| io::Error::other("the system gives no random numbers"))?;
                write(file, made.as_ref())?;
                Vapid::of(made.as_ref())
            }
            Err(error) => Err(error),
        }
    }

    fn of(bytes: &[u8]) -> io::Result<Vapid> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &random)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        let public = BASE64.encode(pair.public_key());
        Ok(Vapid { pair, random, public })
    }

    /// The public key in base64url, as `applicationServerKey` takes it.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The value of `Authorization` for the service at this origin; `now` in seconds since 1970. `None`: the system has no random numbers.
    pub(crate) fn authorization(&self, origin: &str, contact: Option<&str>, now: i64) -> Option<String> {
        let mut claims = serde_json::json!({ "aud": origin, "exp": now + GOOD });
        if let Some(contact) = contact {
            claims["sub"] = contact.into();
        }
        let head = BASE64.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let signed = format!("{head}.{}", BASE64.encode(claims.to_string()));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).ok()?;
        Some(format!("vapid t={signed}.{}, k={}", BASE64.encode(signature), self.public))
    }
}

/// The file is there whole or not at all.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = file.with_extension("key.new");
    let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    open.write_all(bytes)?;
    open.sync_all()?;
    fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("chat_push_{name}_{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let file = folder("once").join("push.key");
        let made = Vapid::open(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Vapid::open(&file).unwrap().public(), made.public());
        assert_eq!(BASE64.decode(made.public()).unwrap().len(), 65);
        fs::write(&file, "no key").unwrap();
        let error = Vapid::open(&file).err().unwrap();
        assert!(error.to_string().contains("browsers subscribe again"), "{error}");
        fs::remove_dir_all(file.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_service_can_check_who_sends() {
        let file = folder("signs").join("push.key");
        let vapid = Vapid::open(&file).unwrap();
        let value = vapid.authorization("https://push.example.net", Some("mailto:a@example.org"), 1_000).unwrap();
        let (token, key) = value.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(key, vapid.public());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let checks = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, BASE64.decode(key).unwrap());
        checks.verify(signed.as_bytes(), &BASE64.decode(signature).unwrap()).expect("it is signed by the key");
        let (head, claims) = signed.split_once('.').unwrap();
        assert_eq!(BASE64.decode(head).unwrap(), br#"{"typ":"JWT","alg":"ES256"}"#);
        let claims: serde_json::Value = serde_json::from_slice(&BASE64.decode(claims).unwrap()).unwrap();
        let right =
            serde_json::json!({ "aud": "https://push.example.net", "exp": 44_200, "sub": "mailto:a@example.org" });
        assert_eq!(claims, right);
        fs::remove_dir_all(file.parent().unwrap()).unwrap();
    }

    /// The example of RFC 8292, section 2.4: what another server signed is checked by the same key and the same signature here.
    #[test]
    fn the_example_of_the_rfc_is_signed_as_this_server_signs() {
        let signed = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0";
        let signature = "i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA";
        let key = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
        let checks = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, BASE64.decode(key).unwrap());
        assert!(checks.verify(signed.as_bytes(), &BASE64.decode(signature).unwrap()).is_ok());
    }
}
