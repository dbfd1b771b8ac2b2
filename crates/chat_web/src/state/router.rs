//! What this door asks the router, and how long it waits for a place in the router's inbox.

use std::sync::Arc;
use std::time::Duration;

use chat_server::chat::message::Message as ToRouter;
use chat_server::features::archive::store::{Answer, Question};
use chat_server::features::calls::{Access, Call, Caller, OwnTalk, Reply, Rights};
use chat_server::model::code::Code;
use chat_server::model::event::Envelope;
use chat_server::model::names::{ClientId, RoomName};
use tokio::sync::oneshot;

use super::AppState;
use crate::error::AppError;
use crate::models::objects::Message;
use crate::models::render::messages;

impl AppState {
    /// Hands a message to the router. Where its inbox is full only this task waits.
    pub async fn tell_router(&self, message: ToRouter) {
        let mut message = message;
        while let Err(back) = self.handle.try_send(message) {
            message = back;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Asks the router whether a user may read that. Where it is everything, returns the rooms that are hidden from the user.
    ///
    /// # Errors
    /// Why not: there is no such room, it is closed, or the user is banned.
    pub async fn may_read(&self, who: Caller, what: Access) -> Result<Vec<RoomName>, AppError> {
        let (reply, answer) = oneshot::channel();
        self.tell_router(Call::MayRead { who, what, reply: Box::new(move |said| drop(reply.send(said))) }.into()).await;
        answer.await.map_err(|_| AppError::Stopping)?.map_err(AppError::of_reading)
    }

    /// The direct talks of a user, in order.
    ///
    /// # Errors
    /// The user is not signed on, is banned, or reads too fast.
    pub async fn talks(&self, who: Caller) -> Result<Vec<OwnTalk>, AppError> {
        let (reply, answer) = oneshot::channel();
        self.tell_router(Call::Talks { who, reply: Box::new(move |said| drop(reply.send(said))) }.into()).await;
        Ok(answer.await.map_err(|_| AppError::Stopping)??)
    }

    /// What is not in memory any more: the lines before a page, from the router's store, and where there is still more. Nothing
    /// if there is no store.
    ///
    /// # Errors
    /// As [`AppState::read`].
    pub async fn older(
        &self,
        who: Caller,
        room: &RoomName,
        before: u64,
        limit: usize,
    ) -> Result<(Vec<Message>, Option<u64>), AppError> {
        match self.read(who, Question::Page { room: room.clone(), before, after: None, limit, export: false }).await {
            Ok((lines, more)) => Ok((messages(self.ids, &lines), more)),
            Err(AppError::Chat(refusal)) if refusal.code() == Code::NoStore => Ok((Vec::new(), None)),
            Err(error) => Err(error),
        }
    }

    /// What was said, of the router's store: lines, and where to go on.
    ///
    /// # Errors
    /// Why the user may not read that, or has to wait.
    pub async fn read(&self, who: Caller, question: Question) -> Result<(Vec<Arc<Envelope>>, Option<u64>), AppError> {
        match self
            .answer(|reply| Call::Read { who, question: Box::new(question), reply }.into())
            .await
            .ok_or(AppError::Stopping)?
        {
            Answer::Lines { lines, more } => Ok((lines, more)),
            Answer::Refused(refused) => Err(AppError::of_reading(refused.into())),
            _ => Err(AppError::Internal),
        }
    }

    /// Asks the router's store. `is_private` matters for passwords only. `None` if there is no answer.
    pub async fn ask(&self, question: Question, is_private: bool) -> Option<Answer> {
        self.answer(|reply| Call::Ask { question, is_private, reply }.into()).await
    }

    /// Asks the router what a connection may do beyond what all may; `None` where it has ended.
    pub async fn rights(&self, client: ClientId) -> Option<Rights> {
        self.told(|reply| Call::Rights { client, reply }).await
    }

    /// Makes a call to which the answer is no answer of the store; `None` where the router has ended.
    pub async fn told<T: Send + 'static>(&self, call: impl FnOnce(Box<dyn FnOnce(T) + Send>) -> Call) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.tell_router(call(Box::new(move |said| drop(reply.send(said)))).into()).await;
        answer.await.ok()
    }

    /// Tells the router something that it answers; `None` where it has ended.
    pub async fn answer(&self, message: impl FnOnce(Reply) -> ToRouter) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.tell_router(message(Box::new(move |said| drop(reply.send(said))))).await;
        answer.await.ok()
    }
}
