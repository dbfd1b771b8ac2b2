//! Certificates and keys from files, and what is wrong with them.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, RootCertStore, ServerConfig};

/// The byte order mark that some editors put in front of a text.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Where the certificates are. All of them are PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The certificate of this server, and behind it those that lead to its CA.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The CA of the clients' certificates. Where this is set, a client without one is refused.
    pub client_ca: Option<PathBuf>,
}

/// What is wrong with a certificate or a key, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// What handshakes are made with.
pub struct Certificates {
    config: Arc<ServerConfig>,
    leaf: CertificateDer<'static>,
    path: PathBuf,
    /// In seconds since 1970.
    valid: Option<(u64, u64)>,
    /// A key that more people than its owner may read.
    open_key: Option<PathBuf>,
}

impl Certificates {
    /// Reads the files, and looks whether they belong together.
    ///
    /// # Errors
    /// What is wrong with which file, and what to do about it.
    pub fn load(files: &Files) -> Result<Certificates, TlsError> {
        let chain = certificates(&files.cert)?;
        let key = key(&files.key)?;
        let Some(leaf) = chain.first().cloned() else { return Err(TlsError("no certificate".into())) };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError(error.to_string()))?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(path)? {
                    roots.add(root).map_err(|error| {
                        TlsError(format!("{}: this cannot be who signs certificates: {error}", path.display()))
                    })?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| TlsError(format!("{}: {error}", path.display())))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError(format!(
                "the key in {} is not that of the certificate in {}\n  \
                 try: the two files that were made together; the certificate of this server stands first in its file",
                files.key.display(),
                files.cert.display()
            )),
            error => TlsError(format!("{}, {}: {error}", files.cert.display(), files.key.display())),
        })?;
        Ok(Certificates {
            config: Arc::new(config),
            valid: validity(&leaf),
            leaf,
            path: files.cert.clone(),
            open_key: is_open(&files.key).then(|| files.key.clone()),
        })
    }

    /// What should be said to an operator.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings_at(UnixTime::now().as_secs())
    }

    fn warnings_at(&self, now: u64) -> Vec<String> {
        let path = self.path.display();
        let mut warnings = Vec::new();
        match self.valid {
            Some((_, not_after)) if now > not_after => warnings.push(format!(
                "the certificate in {path} expired {} ago: clients will refuse it",
                days(now.saturating_sub(not_after))
            )),
            Some((not_before, _)) if now < not_before => warnings.push(format!(
                "the certificate in {path} is valid only in {}: clients will refuse it; is this machine's clock right?",
                days(not_before.saturating_sub(now))
            )),
            Some(_) | None => {}
        }
        if let Some(key) = &self.open_key {
            let key = key.display();
            warnings.push(format!("every user of this machine may read the key in {key}\n  try: chmod 600 {key}"));
        }
        warnings
    }

    /// When the certificate expires, in seconds since 1970.
    pub fn not_after(&self) -> Option<u64> {
        self.valid.map(|(_, not_after)| not_after)
    }

    /// The certificate of this server.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

/// The SHA-256 fingerprint of a certificate in DER, as openssl shows it: `AB:CD:…`.
pub fn fingerprint(der: &[u8]) -> String {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13();
    let hash = suite.map(|suite| suite.common.hash_provider.hash(der));
    let bytes = hash.iter().flat_map(|hash| hash.as_ref());
    bytes.map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read("certificate", path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            let hint = if PrivateKeyDer::from_pem_slice(&text).is_ok() {
                ", but a private key: are the two files swapped?"
            } else {
                "\n  try: PEM, which begins with -----BEGIN CERTIFICATE-----"
            };
            Err(TlsError(format!("{} holds no certificate{hint}", path.display())))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError(format!("the certificate in {} is damaged: {error}", path.display()))),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read("key", path)?;
    let shown = path.display();
    let has = |words: &[u8]| text.windows(words.len()).any(|part| part == words);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError(format!(
            "the key in {shown} has a passphrase, which cannot be typed at a start\n  \
             try: openssl pkey -in {shown} -out key.pem, and chmod 600 key.pem"
        )));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let hint = if has(b"-----BEGIN CERTIFICATE-----") {
                ", but a certificate: are the two files swapped?"
            } else {
                ""
            };
            TlsError(format!("{shown} holds no private key{hint}"))
        }
        error => TlsError(format!("the key in {shown} is damaged: {error}")),
    })
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let without_mark = |bytes: Vec<u8>| bytes.strip_prefix(MARK).map(<[u8]>::to_vec).unwrap_or(bytes);
    fs::read(path).map(without_mark).map_err(|error| {
        let shown = path.display();
        let hint = match error.kind() {
            ErrorKind::PermissionDenied => ownership(path),
            ErrorKind::NotFound => "\n  try: chatd cert --dev makes one for tests".into(),
            _ => String::new(),
        };
        TlsError(format!("cannot read the {what} in {shown}: {error}{hint}"))
    })
}

/// Whose file it is, and who we are.
#[cfg(unix)]
fn ownership(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let us = fs::metadata("/proc/self").map(|us| format!("this is {}", user(us.uid()))).unwrap_or_default();
    match fs::metadata(path) {
        Ok(file) => {
            let (owner, mode) = (user(file.uid()), file.mode() & 0o777);
            format!("\n  {us}; the file belongs to {owner}, with mode {mode:o}\n  try: chown, or chgrp and chmod 640")
        }
        Err(_) => format!("\n  {us}; a folder above the file keeps that user out"),
    }
}

#[cfg(not(unix))]
fn ownership(_: &Path) -> String {
    String::new()
}

#[cfg(unix)]
fn user(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_string())
    });
    name.map_or_else(|| format!("user {uid}"), |name| format!("user {name}"))
}

/// Whether all users of the machine may read it.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|file| file.mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

/// From when to when a certificate is valid. Asked of the one who judges it: at the beginning of time it says from when it
/// is good, and at the end until when it was. So nothing here has to take a certificate apart.
fn validity(leaf: &CertificateDer<'_>) -> Option<(u64, u64)> {
    const END: u64 = 253_402_300_800;
    let provider: CryptoProvider = ring::default_provider();
    let parsed = ParsedCertificate::try_from(leaf).ok()?;
    let judged = |at: u64| {
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let algorithms = provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], at, algorithms)
    };
    let rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) = judged(0).err()?
    else {
        return None;
    };
    let rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) = judged(END).err()?
    else {
        return None;
    };
    Some((not_before.as_secs(), not_after.as_secs()))
}

fn days(seconds: u64) -> String {
    match seconds / 86_400 {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    /// A folder with a certificate and its key, valid in these years.
    fn made(years: (i32, i32)) -> (tempfile::TempDir, Files) {
        let mut params = CertificateParams::new(["localhost".to_string()]).expect("a name");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("cert.pem"), cert.pem()).expect("a file");
        fs::write(path("key.pem"), key.serialize_pem()).expect("a file");
        mode(&path("key.pem"), 0o600);
        let files = Files { cert: path("cert.pem"), key: path("key.pem"), client_ca: None };
        (folder, files)
    }

    fn mode(path: &Path, mode: u32) {
        #[cfg(unix)]
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("a mode");
    }

    #[track_caller]
    fn refused(files: &Files, words: &str) {
        let error = Certificates::load(files).err().expect("refused").to_string();
        assert!(error.contains(words), "{words:?} is not in {error:?}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_file_and_the_next_step() {
        let (folder, files) = made((2020, 2099));
        let (_other_folder, other) = made((2020, 2099));
        assert!(Certificates::load(&files).is_ok());
        refused(&Files { key: other.key, ..files.clone() }, "is not that of the certificate in ");
        refused(
            &Files { key: files.cert.clone(), ..files.clone() },
            "cert.pem holds no private key, but a certificate",
        );
        refused(&Files { cert: files.key.clone(), ..files.clone() }, "key.pem holds no certificate, but a private key");
        refused(&Files { cert: folder.path().join("no.pem"), ..files.clone() }, "try: chatd cert --dev");
        refused(&Files { client_ca: Some(files.key.clone()), ..files.clone() }, "key.pem holds no certificate");
        let bad = folder.path().join("bad.pem");
        fs::write(&bad, "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n").expect("a file");
        refused(&Files { cert: bad.clone(), ..files.clone() }, "the certificate in ");
        fs::write(&bad, "-----BEGIN CERTIFICATE-----\naGFsbG8=\n-----END CERTIFICATE-----\n").expect("a file");
        refused(&Files { cert: bad.clone(), ..files.clone() }, "bad.pem, ");
        fs::write(&bad, "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGFsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n")
            .expect("a file");
        refused(&Files { key: bad.clone(), ..files.clone() }, "try: openssl pkey -in ");
        fs::write(&bad, "").expect("a file");
        refused(&Files { key: bad, ..files }, "bad.pem holds no private key");
    }

    #[test]
    fn what_clients_will_refuse_is_said_beforehand() {
        let warnings = |years| {
            let (_folder, files) = made(years);
            Certificates::load(&files).expect("it can be loaded").warnings_at(NOW)
        };
        assert_eq!(warnings((2020, 2099)), [] as [String; 0]);
        // It is the beginning of 2027.
        assert!(warnings((2020, 2026))[0].ends_with("expired 379 days ago: clients will refuse it"));
        assert!(warnings((2028, 2099))[0].contains("is valid only in 350 days: clients will refuse it"));
    }

    #[test]
    #[cfg(unix)]
    fn a_key_that_everybody_may_read_is_told() {
        let (_folder, files) = made((2020, 2099));
        mode(&files.key, 0o644);
        let warnings = Certificates::load(&files).expect("it can be loaded").warnings_at(NOW);
        assert!(warnings.len() == 1 && warnings[0].contains("  try: chmod 600 "), "{warnings:?}");
    }

    #[test]
    fn a_file_that_we_may_not_read_names_both_users() {
        let (_folder, files) = made((2020, 2099));
        let words = ownership(&files.key);
        assert!(words.contains("this is user ") && words.contains("with mode 600"), "{words}");
    }

    #[test]
    fn a_fingerprint_looks_as_openssl_shows_it() {
        let shown = fingerprint(b"abc");
        assert!(shown.starts_with("BA:78:16:BF:") && shown.len() == 32 * 3 - 1, "{shown}");
    }
}
