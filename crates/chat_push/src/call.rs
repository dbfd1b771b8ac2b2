//! One call of a push service (RFC 8030, section 5).

use std::time::Duration;

use chat_calls::{Caller, NoAnswer, Settings};
use chat_server::features::push::Subscription;

use crate::seal::seal;
use crate::vapid::Vapid;

/// How long a call may take, from the look-up of the name to the end of the answer.
const CALL: Duration = Duration::from_secs(10);

/// What is to be sent where.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) subscription: Subscription,
    pub(crate) body: Vec<u8>,
    /// Whether a phone is to be woken for it.
    pub(crate) is_urgent: bool,
}

/// What became of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The service has it.
    Delivered,
    /// It may have it later: why, and after how long it wants to be called again.
    Failed(String, Option<Duration>),
    /// It will not have it.
    Refused(String),
    /// There is no such subscription any more.
    Gone,
}

/// What calls push services. The server signs, and says how its owner is reached if `contact` does.
pub(crate) struct Services {
    pub(crate) caller: Caller,
    pub(crate) vapid: Vapid,
    pub(crate) contact: Option<String>,
}

/// How services are called.
pub(crate) fn caller(inside: bool) -> Caller {
    // Many users have one service, which is called again soon.
    Caller::new(Settings { whose: "push", inside, setting: "push_inside", deadline: CALL, idle: 4 })
}

impl Services {
    /// Calls one; `now` in seconds since 1970.
    pub(crate) fn call(&self, job: &Job, now: i64) -> Outcome {
        let Subscription { endpoint, public, auth, .. } = &job.subscription;
        let Ok(sealed) = seal(public, auth.reveal(), &job.body) else {
            log::info!("push: the browser of subscription {} has a key that is none", job.subscription.number);
            return Outcome::Gone;
        };
        let Some(signature) = self.vapid.authorization(endpoint.origin(), self.contact.as_deref(), now) else {
            return Outcome::Failed("the system gives no random numbers".into(), None);
        };
        // A message that is a day old is found on the page; one of a room is old within the hour.
        let (ttl, urgency) = if job.is_urgent { ("86400", "high") } else { ("3600", "normal") };
        let headers = [
            ("authorization", signature.as_str()),
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("ttl", ttl),
            ("urgency", urgency),
        ];
        match self.caller.post(endpoint, &headers, &sealed) {
            Ok(answer) if answer.is_success() => Outcome::Delivered,
            Ok(answer) => match answer.status {
                404 | 410 => Outcome::Gone,
                408 | 429 | 500.. => Outcome::Failed(answer.why, answer.after),
                _ => Outcome::Refused(answer.why),
            },
            Err(NoAnswer::Forbidden(why)) => Outcome::Refused(why),
            Err(NoAnswer::Failed(why)) => Outcome::Failed(why, None),
        }
    }
}
