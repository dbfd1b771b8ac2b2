//! One call of a receiver, signed.

use std::sync::Arc;
use std::time::Duration;

use chat_calls::{Caller, NoAnswer, Settings};
use chat_server::features::programs::address::Address;
use chat_server::model::secrets::Secret;

use crate::signature::signature;

/// How long a call may take, from the look-up of the name to the end of the answer.
const CALL: Duration = Duration::from_secs(10);

/// What is to be sent where.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) webhook: u64,
    pub(crate) event: u64,
    pub(crate) address: Address,
    pub(crate) secret: Secret,
    pub(crate) body: Arc<str>,
    /// Seconds since 1970.
    pub(crate) timestamp: i64,
}

/// What became of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It does not, and may have it later: why, and after how long it wants to be called again.
    Failed(String, Option<Duration>),
    /// This server does not call that address.
    Forbidden(String),
    /// The receiver wants nothing more.
    Gone,
}

/// What calls receivers.
pub(crate) fn caller(inside: bool) -> Caller {
    // The receiver of one webhook is called again much later than servers wait.
    Caller::new(Settings { whose: "webhooks", inside, setting: "webhooks_inside", deadline: CALL, idle: 0 })
}

/// Calls a receiver.
pub(crate) fn call(caller: &Caller, job: &Job) -> Outcome {
    let (id, timestamp) = (format!("{}-{}", job.webhook, job.event), job.timestamp.to_string());
    let Some(signature) = signature(&job.secret, &id, job.timestamp, &job.body) else {
        return Outcome::Forbidden("its secret is damaged: make the webhook anew".into());
    };
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", &id),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &signature),
    ];
    match caller.post(&job.address, &headers, job.body.as_bytes()) {
        Ok(answer) if answer.is_success() => Outcome::Delivered,
        Ok(answer) if answer.status == 410 => Outcome::Gone,
        Ok(answer) => Outcome::Failed(answer.why, answer.after),
        Err(NoAnswer::Forbidden(why)) => Outcome::Forbidden(why),
        Err(NoAnswer::Failed(why)) => Outcome::Failed(why, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::{Receiver, answer};

    fn job(address: &str) -> Job {
        let (address, secret) =
            (Address::parse(address).unwrap(), Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        Job { webhook: 3, event: 42, address, secret, body: "{\"type\":\"Message\"}".into(), timestamp: 1_614_265_330 }
    }

    #[test]
    fn a_receiver_gets_the_body_and_what_it_checks_it_by() {
        let receiver = Receiver::answering(&[&answer("204 No Content", "", "")]);
        let outcome = call(&caller(true), &job(&format!("http://{}/Chat?key=x", receiver.addr)));
        assert_eq!(outcome, Outcome::Delivered);
        let got = receiver.next();
        assert_eq!((got.first.as_str(), got.body.as_str()), ("POST /Chat?key=x HTTP/1.1", "{\"type\":\"Message\"}"));
        let header = |name: &str| got.headers.get(name).map(String::as_str);
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!((header("webhook-id"), header("webhook-timestamp")), (Some("3-42"), Some("1614265330")));
        assert!(header("webhook-signature").is_some_and(|signature| signature.starts_with("v1,")), "{got:?}");
    }

    #[test]
    fn an_answer_says_what_becomes_of_the_webhook() {
        for (given, outcome) in [
            (answer("500 Oh", "", "no disk"), Outcome::Failed("answer 500: no disk".into(), None)),
            (
                answer("503 Later", "Retry-After: 77\r\n", ""),
                Outcome::Failed("answer 503".into(), Some(Duration::from_secs(77))),
            ),
            (answer("404 No", "", ""), Outcome::Failed("answer 404".into(), None)),
            (answer("410 Gone", "", "bye"), Outcome::Gone),
        ] {
            let receiver = Receiver::answering(&[&given]);
            assert_eq!(call(&caller(true), &job(&format!("http://{}/", receiver.addr))), outcome, "{given}");
        }
        assert!(matches!(call(&caller(false), &job("http://127.0.0.1:1/")), Outcome::Forbidden(_)));
    }

    #[test]
    fn a_damaged_secret_signs_nothing() {
        let job = Job { secret: Secret::new("whsec_!"), ..job("http://127.0.0.1:1/") };
        assert!(matches!(call(&caller(true), &job), Outcome::Forbidden(_)));
    }
}
