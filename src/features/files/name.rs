//! How a file is called for users.

use crate::model::text::Text;

/// The most bytes of a file's name.
pub const MAX_FILE_NAME: usize = 200;

/// A name to show, from what a user typed: the last part of a path, of a length that fits into a line. What is left of
/// it does no harm, for nothing is ever stored under it.
///
/// ```
/// use chat_server::{features::files::file_name, model::text::Text};
/// let name = |typed: &str| file_name(&Text::new(typed).unwrap()).to_string();
/// assert_eq!(name("/home/ani/laporan akhir.pdf"), "laporan akhir.pdf");
/// assert_eq!(name(r"..\..\x.txt"), "x.txt");
/// assert_eq!(name("../.."), "file");
/// ```
pub fn file_name(typed: &Text) -> Text {
    let start = typed.rfind(['/', '\\']).map_or(0, |at| at + 1);
    let mut name = typed.slice(start..typed.len()).trimmed();
    if name.len() > MAX_FILE_NAME {
        let end = (0..=MAX_FILE_NAME).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        name = name.slice(0..end);
    }
    if name.is_blank() || matches!(name.as_str(), "." | "..") { Text::own("file") } else { name }
}
