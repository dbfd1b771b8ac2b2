//! The kit that tests are written with: a server on a free port, a client with a deadline, and transcripts.
//!
//! A transcript is a conversation that is run on a [`Stage`]: the bare router, or a real server. What a client gets
//! must be said in it, line by line; a line that nobody asked for is a failure.
//!
//! ```text
//! // Whispers are for one person only.
//! with alice bob citra
//! bob> /whisper alice psst
//! bob< * OK WHISPER to=alice
//! alice< * WHISPER bob alice: psst
//! ```
//!
//! | line | meaning |
//! | --- | --- |
//! | `set key value` | a setting (of `chat.toml`), before anybody comes |
//! | `kept`, `kept private` | the server has a store; private: only accounts come in |
//! | `account ani secret-word admin` | this account is there from the start |
//! | `with ani budi` | they connect and join; what they get by that is read away |
//! | `ani connects` | she connects; her `HELLO` is the next line she gets |
//! | `ani connects from 192.0.2.7` | the same from there; only the bare router believes it |
//! | `ani> words` | she sends a line; `\xNN` is a byte, `\{3000 x}` a repeated letter; who is new connects first |
//! | `ani< words` | she gets this line; `*` stands for anything within a word, `...` at the end for any rest; what stands at `{code}` is what `{code}` means in later lines |
//! | `door connects to files` | `door` is a connection to the file door; its answer is read before anybody else's |
//! | `ani<< words` | the same, and other lines may come before it |
//! | `ani hangs up` | she closes her sending half |
//! | `ani is gone` | her connection has ended, and she got nothing more |
//! | `wait 31` | so many seconds go by; only the bare router has a clock that can be moved |
//! | `ani stops reading` | what is for her waits; only on the bare router, where no system keeps a part of it |
//! | `ani reads on` | she takes what waited |
//! | `settings burst 7` | the settings' file says this from now on; only the bare router has one |
//! | `restart` | the server stops and starts again: everybody is gone, and what is kept is there |

mod bare;
mod client;
mod memory;
mod play;
mod program;
mod scrape;
mod server;
mod setup;
mod shelf;
mod stage;

pub use bare::Bare;
pub use client::{Bytes, Dial, Plain, TestClient};
pub use memory::MemoryStore;
pub use play::play;
pub use program::{tied, tied_words};
pub use scrape::Scrape;
pub use server::{Tcp, TcpOn, TestServer, TestServerOn};
pub use setup::{DEADLINE, Setup, quick};
pub use shelf::Shelf;
pub use stage::{Stage, matches};
