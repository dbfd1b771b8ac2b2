//! `chatd cert --dev`: a CA and a certificate for tests, and how to use them.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Arg, ArgAction, ArgMatches, Command};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// How long a certificate is good. Clients of some systems take none for more than 825 days.
const DAYS: u64 = 365;
const DAY: Duration = Duration::from_secs(86_400);
/// Names of this machine that every certificate is for.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The port of the commands that are printed.
const PORT: u16 = 7880;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("cert")
        .about("Make a certificate for tests, and say how to use it")
        .arg(
            Arg::new("dev")
                .long("dev")
                .action(ArgAction::SetTrue)
                .help("yes, for tests: no other machine trusts this certificate"),
        )
        .arg(
            Arg::new("dir")
                .long("dir")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .default_value("chat-tls")
                .help("the folder to write to"),
        )
        .arg(
            Arg::new("host")
                .long("host")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("another name or address of this server, besides localhost; may be given often"),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help("write over files that are there"))
}

/// Makes the files. Returns what to tell the person.
///
/// # Errors
/// What is in the way, and what to do about it.
pub(crate) fn run(matches: &ArgMatches) -> Result<String, String> {
    if !matches.get_flag("dev") {
        return Err("chatd makes certificates for tests only\n  \
                    try: chatd cert --dev; one that all clients trust comes from a CA, and tls_cert and tls_key name it"
            .into());
    }
    let dir = matches.get_one::<PathBuf>("dir").cloned().unwrap_or_else(|| "chat-tls".into());
    let more = matches.get_many::<String>("host").unwrap_or_default().cloned();
    let hosts: Vec<String> = HOSTS.iter().map(|host| host.to_string()).chain(more).collect();
    let made = Made::new(&hosts).map_err(|error| {
        format!("cannot make a certificate for {}: {error}\n  try: --host chat.example.org", hosts.join(", "))
    })?;
    write(&dir, &made, matches.get_flag("force"))?;
    Ok(told(&dir, &hosts, &made))
}

/// A CA and what it signed. Its key is not kept: also with these files no more can be signed by it.
struct Made {
    ca: String,
    cert: String,
    key: String,
    fingerprint: String,
}

impl Made {
    fn new(hosts: &[String]) -> Result<Made, rcgen::Error> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // A day back, for clients whose clock is behind ours.
        let start = date_time_ymd(1970, 1, 1) + now - DAY;
        let end = start + DAY * DAYS as u32;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.distinguished_name.push(DnType::CommonName, "chatd cert --dev");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (ca.not_before, ca.not_after) = (start, end);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
        let mut leaf = CertificateParams::new(hosts)?;
        leaf.distinguished_name.push(DnType::CommonName, "chatd");
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (leaf.not_before, leaf.not_after) = (start, end);
        let key = KeyPair::generate()?;
        let cert = leaf.signed_by(&key, &ca)?;
        Ok(Made {
            ca: ca.pem(),
            cert: cert.pem(),
            key: key.serialize_pem(),
            fingerprint: chat_tls::fingerprint(cert.der()),
        })
    }
}

fn write(dir: &Path, made: &Made, force: bool) -> Result<(), String> {
    let failed = |path: &Path, error: io::Error| format!("cannot write {}: {error}\n  try: --dir DIR", path.display());
    fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    let files = [("ca.pem", &made.ca, 0o644), ("cert.pem", &made.cert, 0o644), ("key.pem", &made.key, 0o600)];
    if !force && let Some(there) = files.iter().map(|(name, ..)| dir.join(name)).find(|path| path.exists()) {
        return Err(format!(
            "{} is there already, and a client may trust it\n  try: --dir DIR for another folder, or --force",
            there.display()
        ));
    }
    for (name, text, mode) in files {
        let path = dir.join(name);
        // A new file each time: an old one may be readable by others, or be a link to somewhere else.
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, error)),
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let written = options.open(&path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            // Some disks say only now that they are full.
            file.sync_all()
        });
        written.map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn told(dir: &Path, hosts: &[String], made: &Made) -> String {
    let path = |name: &str| quoted(&dir.join(name).display().to_string());
    let (ca, cert, key) = (path("ca.pem"), path("cert.pem"), path("key.pem"));
    let mut text = String::new();
    let _infallible = write!(
        text,
        "Made, good for {DAYS} days:\n  \
         {ca}  the CA: clients have to trust it. Its key is thrown away, so no more can be signed by it\n  \
         {cert}  for {}\n  \
         {key}  its key: only you may read it\n\n\
         Start the server:\n  \
         chatd --tls 127.0.0.1:{PORT} --tls-cert {cert} --tls-key {key}\n\n\
         Connect to it:\n  \
         openssl s_client -quiet -verify_return_error -CAfile {ca} -connect localhost:{PORT}\n  \
         ncat --ssl --ssl-verify --ssl-trustfile {ca} localhost {PORT}\n  \
         socat - OPENSSL:localhost:{PORT},cafile={ca}\n  \
         {client} --tls --ca {ca} --addr localhost:{PORT}\n\n\
         Its SHA-256 fingerprint, as openssl x509 -noout -fingerprint -sha256 -in {cert} shows it:\n  {}\n",
        hosts.join(", "),
        made.fingerprint,
        client = crate::client::command(),
    );
    text
}

/// As a shell wants it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path.into() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_spaces_are_quoted() {
        assert_eq!(quoted("chat-tls/ca.pem"), "chat-tls/ca.pem");
        assert_eq!(quoted("my folder/it's.pem"), "'my folder/it'\\''s.pem'");
    }

    #[test]
    fn a_name_that_cannot_be_one_is_refused() {
        let matches = command().get_matches_from(["cert", "--dev", "--dir", "/nowhere", "--host", "ü"]);
        let problem = run(&matches).expect_err("refused");
        assert!(problem.contains("try: --host chat.example.org"), "{problem}");
    }
}
