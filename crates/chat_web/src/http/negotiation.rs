//! What a call's headers ask of its answer, and say of its body, as RFC 9110 has it: encodings and conditions.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::AppError;

/// The encodings that an answer may have, by `Accept-Encoding` (RFC 9110, section 12.5.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Encodings {
    /// It may be compressed by brotli, which the page's files alone are.
    pub brotli: bool,
    /// It may be compressed by gzip.
    pub gzip: bool,
    /// It may be as it is.
    pub plain: bool,
}

impl Encodings {
    /// Those of a call with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Encodings {
        let offers: Vec<(&str, bool)> = list(headers, &header::ACCEPT_ENCODING)
            .map(|offer| {
                let (name, rest) = offer.split_once(';').unwrap_or((offer, "q=1"));
                (name.trim(), is_accepted(rest.trim()))
            })
            .collect();
        let accepts = |names: &[&str]| {
            let named = offers.iter().find(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)));
            named.or_else(|| offers.iter().find(|(name, _)| *name == "*")).map(|(_, accepted)| *accepted)
        };
        Encodings {
            // By its name: programs that say "*" know gzip, and often nothing newer.
            brotli: offers.iter().any(|(name, accepted)| *accepted && name.eq_ignore_ascii_case("br")),
            gzip: accepts(&["gzip", "x-gzip"]).unwrap_or(false),
            // Accepted unless it is refused.
            plain: accepts(&["identity"]).unwrap_or(true),
        }
    }
}

/// Whether a call would rather read Indonesian than English, by `Accept-Language` (RFC 9110, section 12.5.4). English is what a call
/// gets that names neither, or both alike.
pub(crate) fn prefers_indonesian(headers: &HeaderMap) -> bool {
    let weight_of = |language: &str| {
        let offers = list(headers, &header::ACCEPT_LANGUAGE).filter_map(|offer| {
            let (tag, weight) = offer.split_once(';').unwrap_or((offer, "q=1"));
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start_matches('=');
            primary.eq_ignore_ascii_case(language).then(|| weight.parse::<f32>().unwrap_or(0.0))
        });
        offers.fold(0.0, f32::max)
    };
    weight_of("id") > weight_of("en")
}

/// Whether a weight (RFC 9110, section 12.4.2) is more than 0. One that is none is none.
fn is_accepted(weight: &str) -> bool {
    let Some(weight) = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q=")) else { return false };
    let (whole, digits) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    let are_digits = digits.len() <= 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_some = digits.bytes().any(|digit| digit != b'0');
    are_digits && (whole == "1" && !is_some || whole == "0" && is_some)
}

/// What says that an answer may not go out as it is, however short it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyCompressed;

/// The middleware: refuses what no answer can be given to before anything is done for it, and marks what has to be compressed.
pub(crate) async fn encodings(request: Request, next: Next) -> Response {
    let Encodings { gzip, plain, .. } = Encodings::of(request.headers());
    if !gzip && !plain {
        return AppError::NotAcceptable.into_response();
    }
    let mut response = next.run(request).await;
    if !plain {
        response.extensions_mut().insert(OnlyCompressed);
    }
    response
}

/// The middleware of what is never compressed.
pub(crate) async fn plain(request: Request, next: Next) -> Response {
    if Encodings::of(request.headers()).plain {
        next.run(request).await
    } else {
        AppError::NotAcceptable.into_response()
    }
}

/// The middleware: refuses a body that is encoded, and one that says to be too big, before it is read.
pub(crate) async fn body(most: u64, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if list(headers, &header::CONTENT_ENCODING).any(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let mut response = AppError::EncodedBody.into_response();
        response.headers_mut().insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("identity"));
        return response;
    }
    let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // A file has a limit of its own.
    let is_file = *request.method() == Method::POST && request.uri().path().ends_with("/files");
    if !is_file && said.is_some_and(|said| said > most) {
        return AppError::TooLarge.into_response();
    }
    next.run(request).await
}

/// What a call is answered with instead of the representation that has this tag, if its conditions say so (RFC 9110, section
/// 13.2.2); the tag may begin with `W/`.
pub(crate) fn instead(headers: &HeaderMap, tag: &str) -> Option<StatusCode> {
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_string();
    let is_weak = |tag: &str| tag.starts_with("W/");
    if headers.contains_key(header::IF_MATCH) {
        let same = list(headers, &header::IF_MATCH).any(|known| known == "*" || known == tag && !is_weak(tag));
        if !same {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
    }
    let same = list(headers, &header::IF_NONE_MATCH).any(|known| known == "*" || opaque(known) == opaque(tag));
    same.then_some(StatusCode::NOT_MODIFIED)
}

/// The members of a list, over all headers of that name.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_language_with_the_greater_weight_is_taken_and_english_else() {
        for (asked, is_indonesian) in [
            ("", false),
            ("id", true),
            ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", true),
            ("en-US,en;q=0.9,id;q=0.8", false),
            ("en, id", false),
            ("id;q=0", false),
            ("fr, ID;q=0.1", true),
            ("idx", false),
        ] {
            assert_eq!(prefers_indonesian(&headers(&[("accept-language", asked)])), is_indonesian, "{asked}");
        }
    }

    #[test]
    fn an_encoding_is_accepted_as_the_rfc_says() {
        for (asked, brotli, gzip, plain) in [
            ("", false, false, true),
            ("gzip", false, true, true),
            ("GZIP;Q=1.000", false, true, true),
            ("x-gzip", false, true, true),
            ("br, zstd", true, false, true),
            ("BR;q=0.1, gzip", true, true, true),
            ("br;q=0", false, false, true),
            ("br, identity;q=0", true, false, false),
            ("gzip;q=0", false, false, true),
            ("gzip;q=0.0", false, false, true),
            ("gzip;q=0.001", false, true, true),
            ("gzip;q=0.0001", false, false, true),
            ("gzip;q=2", false, false, true),
            ("gzip;level=9", false, false, true),
            ("*", false, true, true),
            ("*;q=0", false, false, false),
            ("*;q=0, identity", false, false, true),
            ("*;q=0, gzip", false, true, false),
            ("gzip;q=0, *", false, false, true),
            ("identity;q=0", false, false, false),
            ("identity;q=0, gzip", false, true, false),
            ("deflate, identity;q=0", false, false, false),
        ] {
            let accepted = Encodings::of(&headers(&[("accept-encoding", asked)]));
            assert_eq!(accepted, Encodings { brotli, gzip, plain }, "{asked}");
        }
        assert_eq!(Encodings::of(&headers(&[])), Encodings { brotli: false, gzip: false, plain: true });
    }

    #[test]
    fn a_condition_is_looked_at_as_the_rfc_says() {
        let asked = |name, value, tag| instead(&headers(&[(name, value)]), tag).map(|status| status.as_u16());
        for (name, value, tag, status) in [
            ("if-none-match", "\"a\"", "\"a\"", Some(304)),
            ("if-none-match", "W/\"a\"", "\"a\"", Some(304)),
            ("if-none-match", "\"b\", \"a\"", "W/\"a\"", Some(304)),
            ("if-none-match", "*", "\"a\"", Some(304)),
            ("if-none-match", "\"b\"", "\"a\"", None),
            ("if-match", "\"a\"", "\"a\"", None),
            ("if-match", "*", "W/\"a\"", None),
            ("if-match", "\"b\"", "\"a\"", Some(412)),
            ("if-match", "W/\"a\"", "W/\"a\"", Some(412)),
        ] {
            assert_eq!(asked(name, value, tag), status, "{name}: {value} for {tag}");
        }
        assert_eq!(instead(&headers(&[]), "\"a\""), None);
    }
}
