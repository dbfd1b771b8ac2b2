//! The calls (docs/protocol.md, section 3): REST, files, the operators' calls, and the page itself.

pub(crate) mod caller;
pub(crate) mod extract;
pub(crate) mod users;
pub(crate) mod messages;
pub(crate) mod marks;
pub(crate) mod pages;
pub(crate) mod place;
pub(crate) mod preferences;
pub(crate) mod profiles;
mod blocks;
pub(crate) mod programs;
pub(crate) mod push;
pub(crate) mod qr;
pub(crate) mod retention;
pub(crate) mod search;
pub(crate) mod about;
pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod house;
pub(crate) mod invitations;
pub(crate) mod files;
pub(crate) mod assets;
