//! How the client is started where this chatd is: it was installed with it, or both are built from the source.

/// The words in front of its flags.
pub(crate) fn command() -> &'static str {
    let is_installed = std::env::current_exe().is_ok_and(|path| path.starts_with("/usr"));
    if is_installed { "chat" } else { "cargo run -p chat --" }
}
