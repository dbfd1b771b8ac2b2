//! The clients that get a snapshot each second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::features::lab::Lab;
use crate::model::names::ClientId;

/// The lab, and the clients that get a snapshot of it each second.
pub(crate) struct Snapshots {
    pub(crate) lab: Arc<Lab>,
    /// Lets the lab's thread take snapshots as long as a client watches. It ends when this is dropped.
    pub(crate) wake: SyncSender<()>,
    pub(crate) watchers: BTreeSet<ClientId>,
}
