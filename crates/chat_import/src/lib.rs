//! Puts what was said elsewhere into the data of a server that does not run: our own export, and the export archives of Slack and
//! Mattermost. docs/import.md says what is taken and what is not.
//!
//! An archive is read as a stream, one message at a time, whatever its size; nothing of it is unpacked onto the disk, and no path of
//! it is ever opened. All of an import is one transaction, so an error leaves the data as it was. What is there already, is known by
//! its room, author and millisecond, and is not taken twice.
#![warn(missing_docs)]

mod desk;
mod export;
mod mattermost;
mod order;
mod read;
mod report;
mod slack;
mod words;

pub use order::{Error, Format, Order};
pub use report::Report;

/// Carries an import out.
///
/// # Errors
/// A server has the data, or the archive is not what it should be. Nothing is taken then.
pub fn import(order: &Order<'_>) -> Result<Report, Error> {
    let mut desk = desk::Desk::open(order)?;
    match order.format {
        Format::Chat => export::take(order.file, &mut desk)?,
        Format::Slack => slack::take(order.file, &mut desk)?,
        Format::Mattermost => mattermost::take(order.file, &mut desk)?,
    }
    desk.finish(order)
}
