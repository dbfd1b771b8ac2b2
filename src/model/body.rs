//! The words of a message: the only text that can have several lines.

use crate::model::excess::Excess;
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most lines of one message.
pub const MAX_LINES: usize = 200;
/// The most bytes of one message of several lines, whatever the setting `message_bytes` says.
pub const MAX_MESSAGE: usize = 32 * 1024;

/// About how much memory a server line takes in a queue besides its words, in bytes.
pub(crate) const LINE: usize = 96;

/// Clean lines, each as a [`Text`], with a line feed between two of them. Blank lines at its ends are not part of it.
///
/// It cannot be printed as it is: whatever shows it takes it [line by line](Body::lines), so that none of its lines is taken for
/// another line of the protocol.
///
/// ```
/// use chat_server::model::body::Body;
/// let body = Body::new("fn main() {\r\n\tQUIT\n}\n").unwrap();
/// assert_eq!(body.lines().collect::<Vec<_>>(), ["fn main() {", " QUIT", "}"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Body {
    text: Text,
    /// How many line feeds are in it.
    breaks: u32,
}

impl Body {
    /// Takes the words of a message in. A line ends in LF or CR LF.
    ///
    /// # Errors
    /// [`Code::LineTooLong`](crate::model::code::Code::LineTooLong): a line passes [`MAX_TEXT`](crate::model::text::MAX_TEXT), all of them [`MAX_MESSAGE`] or
    /// [`MAX_LINES`].
    pub fn new(words: &str) -> Result<Body, Refusal> {
        if !words.contains('\n') {
            return Text::new(words).map(Body::from);
        }
        if words.len() > MAX_MESSAGE {
            return Err(Refusal::message_too_long(&Excess::of(MAX_MESSAGE, words)));
        }
        let mut lines = Lines::default();
        for line in words.split('\n') {
            let line = Text::new(line.strip_suffix('\r').unwrap_or(line))?;
            lines.add(&line).map_err(|excess| Refusal::message_too_long(&excess))?;
        }
        Ok(lines.body())
    }

    /// All of it, with its line feeds: for JSON, the store and comparisons, and never for a terminal.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// Its lines, of which there is at least one.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('\n')
    }

    /// How many lines it has.
    pub fn count(&self) -> usize {
        self.breaks as usize + 1
    }

    /// The only line, if it has no other.
    pub fn single(&self) -> Option<&Text> {
        (self.breaks == 0).then_some(&self.text)
    }

    /// The first line.
    pub fn first(&self) -> &str {
        if self.breaks == 0 { &self.text } else { self.lines().next().unwrap_or_default() }
    }

    /// Its bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// About how many bytes it takes in a queue, as server lines.
    pub(crate) fn cost(&self) -> usize {
        LINE * self.count() + self.len()
    }

    /// Whether a message of several lines is within the setting `message_bytes`. The bytes of a single line are counted by its door.
    ///
    /// # Errors
    /// [`Code::LineTooLong`](crate::model::code::Code::LineTooLong).
    pub(crate) fn fits(&self, max: usize) -> Result<(), Refusal> {
        let fits = self.breaks == 0 || self.len() <= max;
        fits.then_some(()).ok_or_else(|| Refusal::message_too_long(&Excess::of(max, self.as_str())))
    }

    /// Whether it has no byte, as that of a deleted line.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether nothing of it is seen.
    pub fn is_blank(&self) -> bool {
        self.text.is_blank()
    }
}

impl From<Text> for Body {
    fn from(text: Text) -> Body {
        Body { text, breaks: 0 }
    }
}

/// Lines that become one body.
#[derive(Default)]
pub(crate) struct Lines {
    words: String,
    breaks: u32,
    /// How many blank lines came since the last one that is not.
    blank: usize,
}

impl Lines {
    /// One more line. Blank ones count when another one follows.
    ///
    /// # Errors
    /// There are too many lines or bytes.
    pub(crate) fn add(&mut self, line: &Text) -> Result<(), Excess> {
        if line.is_blank() {
            self.blank += usize::from(!self.words.is_empty());
            return Ok(());
        }
        let breaks = if self.words.is_empty() { 0 } else { self.blank + 1 };
        let (count, bytes) = (self.breaks as usize + breaks + 1, self.words.len() + breaks + line.len());
        if count > MAX_LINES {
            return Err(Excess { max: MAX_LINES, got: count, over: None });
        }
        if bytes > MAX_MESSAGE {
            return Err(Excess::with(MAX_MESSAGE, bytes, line));
        }
        self.words.extend(std::iter::repeat_n('\n', breaks));
        self.words.push_str(line);
        self.breaks += breaks as u32;
        self.blank = 0;
        Ok(())
    }

    pub(crate) fn body(self) -> Body {
        Body { text: Text::whole(self.words.into()), breaks: self.breaks }
    }
}
