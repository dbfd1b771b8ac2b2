//! What sends to addresses elsewhere, beside the server: webhooks and pushes. What is sent has to be kept first, so both need a store.

use std::time::Duration;

use chat_push::{Pusher, Vapid};
use chat_server::net::server::ServerHandle;
use chat_webhooks::Webhooks;

use crate::exit::{UNAVAILABLE, WRONG_CONFIG};
use crate::settings::Settings;

/// How long the end waits for an address that is being called.
const PATIENCE: Duration = Duration::from_secs(2);

/// The file of the key by which push services know this server, in the directory of the data.
const KEY: &str = "push.key";

/// Both senders, as far as there are any.
pub(crate) struct Senders {
    webhooks: Option<Webhooks>,
    pusher: Option<Pusher>,
}

impl Senders {
    /// Starts them.
    ///
    /// # Errors
    /// The exit code, and why they cannot be started.
    pub(crate) fn start(handle: &ServerHandle, settings: &Settings, has_store: bool) -> Result<Senders, (u8, String)> {
        let Some(dir) = settings.data.dir.as_deref().filter(|_| has_store) else {
            return Ok(Senders { webhooks: None, pusher: None });
        };
        let webhooks = Webhooks::start(handle.clone(), settings.webhooks)
            .map_err(|error| (UNAVAILABLE, format!("error: cannot start the webhooks: {error}")))?;
        let pusher = if settings.push.is_on {
            let file = dir.join(KEY);
            let vapid =
                Vapid::open(&file).map_err(|error| (WRONG_CONFIG, format!("error: {}: {error}", file.display())))?;
            let pusher = Pusher::start(handle.clone(), vapid, &settings.push);
            Some(pusher.map_err(|error| (UNAVAILABLE, format!("error: cannot start the pushes: {error}")))?)
        } else {
            None
        };
        Ok(Senders { webhooks: Some(webhooks), pusher })
    }

    /// Stops them.
    pub(crate) fn stop(self) {
        if let Some(Err(error)) = self.webhooks.map(|webhooks| webhooks.stop(PATIENCE)) {
            tracing::info!("{error}; what it does not have is sent after the next start");
        }
        if let Some(Err(error)) = self.pusher.map(|pusher| pusher.stop(PATIENCE)) {
            tracing::info!("{error}");
        }
    }
}
