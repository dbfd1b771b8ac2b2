//! The forms in which an event can be written: the protocol, the views for people, frames.

/// The forms that bytes can have. An event is rendered at most once for each, however many hear it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// The line protocol.
    Line,
    /// The line protocol with milliseconds.
    LineMillis,
    /// `view=short`.
    Short,
    /// `view=short ids=on`.
    ShortIds,
    /// `view=plain`.
    Plain,
    /// `view=plain ids=on`.
    PlainIds,
    /// Frames for browsers; `chat_web` renders them.
    Json,
}

impl Wire {
    /// How many there are.
    pub const COUNT: usize = 7;
}
