//! What came of messages that were sent with a `cid`, by which a repeated send is known.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use chat_server::model::names::{ClientId, Name};
use uuid::Uuid;

use crate::lock::lock;

/// The most receipts that are kept, by which a repeated send is known; the most bytes that they cost, and what one costs besides
/// its words.
const RECEIPTS: usize = 20_000;
const RECEIPT_BYTES: usize = 32 * 1024 * 1024;
const RECEIPT: usize = 256;

/// What came of a message that was sent with a `cid`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// It was said in a room.
    Said {
        /// The room's name.
        room: String,
        /// The number it got.
        seq: u64,
        /// Its id.
        id: Uuid,
        /// The words that were sent.
        text: String,
    },
    /// It was whispered.
    Whispered {
        /// To whom.
        to: Name,
        /// The words that were sent.
        text: String,
    },
}

/// Whose `cid` it is: a connection's, which may change its name, or a name's, which may come back by another connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Owner {
    Client(ClientId),
    Name(Name),
}

/// The receipts, each by the connection and by the name of its author.
#[derive(Default)]
pub struct Receipts(Mutex<Store>);

#[derive(Default)]
struct Store {
    by_cid: HashMap<(Owner, String), Arc<Receipt>>,
    oldest_first: VecDeque<(Owner, String)>,
    /// What they cost, in bytes.
    bytes: usize,
}

impl Receipt {
    fn cost(&self) -> usize {
        let (Receipt::Said { text, .. } | Receipt::Whispered { text, .. }) = self;
        RECEIPT + text.len()
    }
}

impl Receipts {
    /// What came of what this user sent before with this `cid`.
    pub fn find(&self, client: ClientId, name: &Name, cid: &str) -> Option<Receipt> {
        let receipts = lock(&self.0);
        let of = |owner| receipts.by_cid.get(&(owner, cid.to_string())).map(|receipt| Receipt::clone(receipt));
        of(Owner::Client(client)).or_else(|| of(Owner::Name(name.clone())))
    }

    /// Remembers what came of a message; the oldest receipts make room for it.
    pub fn remember(&self, client: ClientId, name: &Name, cid: &str, receipt: &Receipt) {
        let mut receipts = lock(&self.0);
        let receipt = Arc::new(receipt.clone());
        for owner in [Owner::Client(client), Owner::Name(name.clone())] {
            receipts.insert((owner, cid.to_string()), receipt.clone());
        }
        receipts.make_room();
    }

    /// The next user of a name is another one, whose messages are none of those before.
    pub fn forget(&self, name: &Name) {
        let mut receipts = lock(&self.0);
        let own = Owner::Name(name.clone());
        let Store { by_cid, oldest_first, bytes } = &mut *receipts;
        by_cid.retain(|(owner, _), receipt| {
            let is_own = *owner == own;
            *bytes -= if is_own { receipt.cost() } else { 0 };
            !is_own
        });
        oldest_first.retain(|(owner, _)| *owner != own);
    }
}

impl Store {
    fn insert(&mut self, key: (Owner, String), receipt: Arc<Receipt>) {
        self.bytes += receipt.cost();
        match self.by_cid.insert(key.clone(), receipt) {
            Some(before) => self.bytes -= before.cost(),
            None => self.oldest_first.push_back(key),
        }
    }

    fn make_room(&mut self) {
        while self.oldest_first.len() > 2 * RECEIPTS || self.bytes > RECEIPT_BYTES {
            let Some(oldest) = self.oldest_first.pop_front() else { break };
            if let Some(gone) = self.by_cid.remove(&oldest) {
                self.bytes -= gone.cost();
            }
        }
    }
}
