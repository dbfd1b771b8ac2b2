//! What comes from the router: answers to the session's requests, and events, as frames for the sockets.

use std::sync::Arc;

use chat_server::chat::message::Message as ToRouter;
use chat_server::features::membership::Read;
use chat_server::features::preferences::Preferred;
use chat_server::model::event::{Change, Done, Envelope, Event, Leave, Speech};
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;

use super::Task;
use super::pending::{Pending, Wanted};
use crate::models::frames::{Ack, ServerFrame};
use crate::models::render::error_frame;
use crate::session::ask::Outcome;
use crate::session::{Asker, SocketId};
use crate::state::frames::rendered;
use crate::words::reason as reason_of;

impl Task {
    pub(super) async fn event(&mut self, envelope: &Arc<Envelope>) {
        match &envelope.event {
            Event::Done { tag: None, done: Done::Options(choices), .. } => self.know_language(choices),
            Event::Done { tag, done, .. } => {
                if let Some(pending) = self.pending_of(tag) {
                    self.done(envelope, done, pending).await;
                }
            }
            Event::Refused { tag, error, .. } => {
                if let Some(pending) = self.pending_of(tag) {
                    self.refusal(pending, error).await;
                }
            }
            Event::Block(block) if block.tag.is_none() => self.know_marks(block),
            Event::Block(block) => {
                if let Some(pending) = self.pending_of(&block.tag) {
                    self.block(envelope, block, pending).await;
                }
            }
            Event::Bye { why, .. } => self.goodbye(why),
            Event::Feature(event) if event.open::<Read>().is_some() => {
                event.open().into_iter().for_each(|read| self.is_read(read))
            }
            Event::Feature(event) if event.open::<Preferred>().is_some() => {
                event.open().into_iter().for_each(|preferred| self.is_preferred(preferred, None))
            }
            _ => {
                if let Event::Said(Speech { room, id, .. }) | Event::Changed(Change { room, id, .. }) = &envelope.event
                {
                    self.note_seq(room, *id);
                }
                self.follow_moderation(&envelope.event).await;
                if let Some(bytes) = rendered(&self.state, envelope, self.session.is_indonesian())
                    && !self.keep_whisper(envelope, &bytes).await
                {
                    self.push_all(&bytes);
                }
            }
        }
    }

    fn pending_of(&mut self, tag: &Option<Text>) -> Option<Pending> {
        self.pending.remove(tag.as_ref()?.as_str())
    }

    pub(super) async fn refusal(&mut self, pending: Pending, error: &Refusal) {
        let Pending { asker, what, repeats } = pending;
        match what {
            Wanted::SignOn => {
                // At the limit the next try, with another name, needs this permit.
                self.permit = None;
                if let Some(signed_on) = self.signed_on.take() {
                    let _gone = signed_on.send(Err(error.clone()));
                }
                // No user signed on, so that only the connection has to end.
                self.batches.close();
                let gone = ToRouter::ClientLeft(self.session.client, Leave::Closed);
                let state = self.state.clone();
                tokio::spawn(async move { state.tell_router(gone).await });
            }
            // The room is gone, or closed to the user by now.
            Wanted::Resumed { resume, .. } => self.continue_resume(resume).await,
            Wanted::Nothing | Wanted::Roster(_) => {}
            Wanted::Said { .. }
            | Wanted::Changed(_)
            | Wanted::Whispered { .. }
            | Wanted::Offered
            | Wanted::TopicSet
            | Wanted::Preferred(_)
            | Wanted::Answered => {
                self.refused(asker, error);
                repeats.into_iter().for_each(|(asker, _)| self.refused(asker, error));
            }
        }
    }

    pub(super) fn refused(&mut self, asker: Asker, error: &Refusal) {
        if let Some(socket) = asker.socket {
            self.tell_socket(socket, &error_frame(asker.reference, error));
        }
        if let Some(answer) = asker.answer {
            let _gone = answer.send(Err(error.clone()));
        }
    }

    pub(super) fn ack(&mut self, asker: Asker, ack: Ack) {
        let Asker { socket, reference, answer } = asker;
        if let Some(socket) = socket
            && (reference.is_some() || ack.text.is_some())
        {
            self.tell_socket(socket, &ServerFrame::Ack(Ack { reference, ..ack }));
        }
        if let Some(answer) = answer {
            let _gone = answer.send(Ok(Outcome::Done));
        }
    }

    pub(super) fn goodbye(&mut self, why: &Leave) {
        let (code, reason, reconnect_in_ms) = match why {
            Leave::Quit(_) | Leave::Parted(_) | Leave::Closed | Leave::Idle => (1000, "quit", None),
            Leave::SignedOut(_) | Leave::MembersOnly => (4001, "signed-out", None),
            Leave::Kicked(_) => (4002, "kicked", None),
            Leave::Banned(_) => (4003, "banned", None),
            Leave::Shutdown => (1012, "restart", Some(1_500)),
            Leave::Flood => (4008, "flood", Some(10_000)),
            Leave::TooSlow => (4009, "slow-reader", Some(300)),
            Leave::Full | Leave::AddressFull => (1013, "server-full", Some(5_000)),
            Leave::Lost | Leave::Crashed | Leave::SignOn | Leave::Endless | Leave::Foreign(_) => {
                (1011, "internal-error", Some(1_000))
            }
        };
        let goodbye = ServerFrame::Goodbye { reason, reconnect_in_ms }.bytes();
        // The words of a user stay as they are.
        let is_said = matches!(why, Leave::Quit(Some(_)) | Leave::Kicked(Some(_)) | Leave::Banned(Some(_)));
        let words = reason_of(why.reason(), !is_said && self.session.is_indonesian());
        for socket in self.sockets.keys().copied().collect::<Vec<SocketId>>() {
            self.end_socket(socket, Some(goodbye.clone()), code, &words);
        }
        self.permit = None;
        if let Some(signed_on) = self.signed_on.take() {
            drop(signed_on);
        }
        self.state.sessions.remove(&self.session.token());
    }
}
