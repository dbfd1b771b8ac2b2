//! The engines: what carries the bytes of the line door's clients. One protocol, and one router, on all of them.

use chat_direct::Direct;
use chat_pool::Pool;
use chat_server::net::connection::Threads;
use chat_server::net::server::Transport;
use chat_tokio::Tokio;

/// The engines, by the names of the setting.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    /// The router writes by itself; a thread reads each client.
    #[default]
    Direct,
    /// Two threads for each client, as in the std-only build.
    Threads,
    /// A thread that waits for all sockets, and a pool of workers that steal from each other.
    Pool,
    /// A task for each client.
    Tokio,
}

impl Engine {
    /// All there are.
    pub(crate) const ALL: [Engine; 4] = [Engine::Direct, Engine::Threads, Engine::Pool, Engine::Tokio];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Direct => "direct",
            Engine::Threads => "threads",
            Engine::Pool => "pool",
            Engine::Tokio => "tokio",
        }
    }

    /// The engine of a name.
    pub(crate) fn named(name: &str) -> Option<Engine> {
        Engine::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// How many threads a client costs.
    pub(crate) fn threads_per_client(self) -> u64 {
        match self {
            Engine::Direct => Direct::PER_CLIENT,
            Engine::Threads => Threads::PER_CLIENT,
            Engine::Pool => Pool::PER_CLIENT,
            Engine::Tokio => Tokio::PER_CLIENT,
        }
    }

    /// Starts it.
    pub(crate) fn start(self) -> Box<dyn Transport> {
        match self {
            Engine::Direct => Box::new(Direct::default()),
            Engine::Threads => Box::new(Threads::default()),
            Engine::Pool => Box::new(Pool::default()),
            Engine::Tokio => Box::new(Tokio::default()),
        }
    }
}
