//! A text as a picture for the camera of a phone: the link of an invitation, which no address of ours should hold.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use qrcode::{Color, EcLevel, QrCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::admin::Operator;
use super::extract::{JsonBody, no_store};
use crate::error::{AppError, Problem};

/// The most bytes of a text: more than a link has, and less than a phone reads with trouble.
const LONGEST: usize = 512;
/// Light modules around the picture, as the standard wants.
const QUIET: usize = 4;

/// What is to be drawn.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Drawn {
    /// 1 to 512 bytes.
    #[schema(example = "https://chat.example.org/#join=k7qf-9d2m-x4tr", min_length = 1, max_length = 512)]
    text: String,
}

/// Draw a QR code
///
/// Of a link, so that its code stands in no address and in no log.
#[utoipa::path(post, path = "/admin/qr", operation_id = "draw_qr", tag = "operators", request_body = Drawn,
    security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "The picture", body = String, content_type = "image/svg+xml"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The text has more than 512 bytes, or none", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn qr(_: Operator, JsonBody(drawn): JsonBody<Drawn>) -> Result<Response, AppError> {
    let unfit = || AppError::WrongFields(format!("text has 1 to {LONGEST} bytes."));
    if !(1..=LONGEST).contains(&drawn.text.len()) {
        return Err(unfit());
    }
    let picture = svg(&drawn.text).ok_or_else(unfit)?;
    Ok((no_store(), [(header::CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}

/// Dark modules as one path on a light ground.
fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, side) = (code.width(), code.width() + 2 * QUIET);
    let mut path = String::new();
    for (place, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (place % width + QUIET, place / width + QUIET);
            path += &format!("M{x} {y}h1v1h-1z");
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_of_the_picture_are_those_of_a_qr_code() {
        let picture = svg("https://chat.example.org/#join=k7qf-9d2m-x4tr").unwrap();
        let dark = |x: usize, y: usize| picture.contains(&format!("M{x} {y}h1v1h-1z"));
        // A finder: dark, light, three dark, light, dark.
        let row: Vec<bool> = (0..9).map(|x| dark(QUIET + x, QUIET + 3)).collect();
        assert_eq!(row[..8], [true, false, true, true, true, false, true, false]);
        assert!(!dark(0, 0) && !dark(QUIET - 1, QUIET));
    }
}
