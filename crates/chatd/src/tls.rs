//! The TLS door of the product: its settings, its start, and certificates that change while it runs.

use std::path::PathBuf;

use chat_server::config::ConfigError;
use chat_tls::{Files, Tls, TlsError};

/// Where the door is, and by which files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TlsConfig {
    /// Where it listens, or `off`.
    pub(crate) addr: String,
    /// The certificate of the server, and those that lead to its CA.
    pub(crate) cert: Option<PathBuf>,
    /// Its key.
    pub(crate) key: Option<PathBuf>,
    /// Who signs the certificates of clients; where this is set, every client needs one.
    pub(crate) client_ca: Option<PathBuf>,
}

impl Default for TlsConfig {
    fn default() -> TlsConfig {
        TlsConfig { addr: "off".into(), cert: None, key: None, client_ca: None }
    }
}

impl TlsConfig {
    /// Whether there is such a door.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.addr.as_str(), "off" | "")
    }

    /// The files, if the settings name them.
    fn files(&self) -> Result<Files, ConfigError> {
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                Ok(Files { cert: cert.clone(), key: key.clone(), client_ca: self.client_ca.clone() })
            }
            (cert, _) => {
                let missing = if cert.is_none() { "tls_cert" } else { "tls_key" };
                Err(ConfigError::value(format!(
                    "tls is on, and {missing} is not set\n  try: chatd cert --dev, which makes a certificate for tests and \
                     says what to set"
                )))
            }
        }
    }

    /// The transport, where the settings want one, for this door or for `another`.
    ///
    /// # Errors
    /// What is missing, or wrong with which file, and what to do about it.
    pub(crate) fn load(&self, another: bool) -> Result<Option<Tls>, ConfigError> {
        if !self.is_on() && !another {
            return Ok(None);
        }
        Tls::load(&self.files()?).map(Some).map_err(|error| unusable(&error))
    }

    /// Loads the certificates anew, as these settings name them. A connected client stays so, and after an error all is as
    /// it was. The address does not change.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn reload(&self, tls: &Tls) -> Result<(), ConfigError> {
        tls.reload(&self.files()?).map_err(|error| unusable(&error))?;
        report(tls);
        Ok(())
    }
}

/// Which file it is, and why, is for the log.
fn unusable(error: &TlsError) -> ConfigError {
    ConfigError::with_path(error.to_string(), "the certificate and its key cannot be used; the log says why")
}

/// Tells operators of the certificate in use, and what is odd about it.
pub(crate) fn report(tls: &Tls) {
    tracing::info!("TLS by the certificate with the SHA-256 fingerprint {}", tls.fingerprint());
    for warning in tls.warnings() {
        tracing::warn!("{warning}");
    }
}
