//! The command that starts the client `chat` on this machine, installed with chatd or built from the source beside it.

/// The words in front of its flags.
pub(crate) fn command() -> &'static str {
    let is_installed = std::env::current_exe().is_ok_and(|path| path.starts_with("/usr"));
    if is_installed { "chat" } else { "cargo run -p chat --" }
}
