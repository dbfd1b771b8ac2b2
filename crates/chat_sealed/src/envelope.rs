//! One message, sealed for several devices.
//!
//! ```text
//! sealed:1:  base64url of
//!   65  the point of the device that sealed it
//!    1  how many devices can open it
//!       for each:  8  the beginning of the SHA-256 of its point
//!                 65  HPKE's encapsulated key
//!                 32  the key of the message, sealed for it by HPKE: auth mode, info = INFO, aad = the binding
//!   12  a nonce
//!       the words in UTF-8, by AES-128-GCM
//! ```
//!
//! The binding is the SHA-256 of the talk's name in small letters, a zero byte, the nonce and the sealed words. So neither can the words
//! be moved to another talk, nor can a reader, who knows the key of the message, put other words in their place.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};

use crate::device::{Device, ID, Kem, POINT, Point};
use crate::problem::Problem;

/// What a sealed message begins with.
pub const MARK: &str = "sealed:1:";
/// What every HPKE context of ours is bound to.
const INFO: &[u8] = b"chat sealed 1";
/// The most devices of one message: eight for each of two users.
const DEVICES: usize = 16;
/// The bytes of the key of a message, and of what shows that sealed words are whole.
const KEY: usize = 16;
const TAG: usize = 16;
const NONCE: usize = 12;
/// The bytes for each device.
const SLOT: usize = ID + POINT + KEY + TAG;
/// How long a line of a sealed message is at most: with its verb and its room it is below what any door of lines takes.
const LINE: usize = 900;

/// Whether a text is a sealed message.
pub fn is_sealed(text: &str) -> bool {
    text.strip_prefix(MARK).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_of_envelope))
}

fn is_of_envelope(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'\n')
}

/// Seals words for devices, by one of which they are said. The envelope may have several lines.
///
/// # Errors
/// There are too many devices, or one is none.
pub fn seal(by: &Device, to: &[Point], talk: &str, words: &str) -> Result<String, Problem> {
    let (mut key, mut nonce) = ([0; KEY], [0; NONCE]);
    let random = SystemRandom::new();
    random.fill(&mut key).and_then(|()| random.fill(&mut nonce)).map_err(|_| Problem::NoKey)?;
    let mut body = words.as_bytes().to_vec();
    cipher(&key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut body)
        .map_err(|_| Problem::NotGenuine)?;
    let bound = binding(talk, &nonce, &body);
    let mut all = by.point().0.to_vec();
    all.push(
        u8::try_from(to.len()).ok().filter(|count| usize::from(*count) <= DEVICES).ok_or(Problem::TooManyDevices)?,
    );
    for point in to {
        let mode = OpModeS::Auth((by.private.clone(), by.public.clone()));
        let sealed = single_shot_seal::<AesGcm128, HkdfSha256, Kem>(&mode, &point.public()?, INFO, &key, &bound);
        let (encapsulated, sealed) = sealed.map_err(|_| Problem::NoKey)?;
        all.extend(point.short());
        all.extend(encapsulated.to_bytes());
        all.extend(sealed);
    }
    all.extend(nonce);
    all.extend(body);
    Ok(in_lines(&format!("{MARK}{}", URL_SAFE_NO_PAD.encode(all))))
}

/// The device that a sealed message says it is from. Only opening it shows whether that is so.
///
/// # Errors
/// It is no sealed message.
pub fn sender(sealed: &str) -> Result<Point, Problem> {
    Envelope::read(&bytes_of(sealed)?).map(|envelope| envelope.sender)
}

/// Opens a sealed message of a talk: the device that sealed it, and the words.
///
/// # Errors
/// It is not for this device, or not genuine.
pub fn open(device: &Device, talk: &str, sealed: &str) -> Result<(Point, String), Problem> {
    let bytes = bytes_of(sealed)?;
    let Envelope { sender, slots, nonce, body } = Envelope::read(&bytes)?;
    let own = device.point().short();
    let slot = slots.chunks_exact(SLOT).find(|slot| slot[..ID] == own).ok_or(Problem::NotForThisDevice)?;
    let (encapsulated, wrapped) = slot[ID..].split_at(POINT);
    let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| Problem::NotGenuine)?;
    let mode = OpModeR::Auth(sender.public()?);
    let bound = binding(talk, nonce, body);
    let key =
        single_shot_open::<AesGcm128, HkdfSha256, Kem>(&mode, &device.private, &encapsulated, INFO, wrapped, &bound);
    let key = key.map_err(|_| Problem::NotGenuine)?;
    let mut words = body.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Problem::NoEnvelope)?;
    let opened = cipher(&key)?.open_in_place(nonce, Aad::empty(), &mut words).map_err(|_| Problem::NotGenuine)?;
    let words = String::from_utf8(opened.to_vec()).map_err(|_| Problem::NotGenuine)?;
    Ok((sender, words))
}

/// An envelope, taken apart.
struct Envelope<'a> {
    sender: Point,
    slots: &'a [u8],
    nonce: &'a [u8],
    body: &'a [u8],
}

impl Envelope<'_> {
    fn read(bytes: &[u8]) -> Result<Envelope<'_>, Problem> {
        let cut = |bytes: &'_ [u8], at: usize| bytes.split_at_checked(at).ok_or(Problem::NoEnvelope).map(|_| at);
        let (sender, rest) = bytes.split_at(cut(bytes, POINT)?);
        let (count, rest) = rest.split_at(cut(rest, 1)?);
        let count = usize::from(count[0]);
        if count > DEVICES {
            return Err(Problem::TooManyDevices);
        }
        let (slots, rest) = rest.split_at(cut(rest, count * SLOT)?);
        let (nonce, body) = rest.split_at(cut(rest, NONCE)?);
        Ok(Envelope { sender: Point::from_bytes(sender)?, slots, nonce, body })
    }
}

fn bytes_of(sealed: &str) -> Result<Vec<u8>, Problem> {
    let letters: String = sealed.strip_prefix(MARK).ok_or(Problem::NoEnvelope)?.split_whitespace().collect();
    URL_SAFE_NO_PAD.decode(letters).map_err(|_| Problem::NoEnvelope)
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, Problem> {
    UnboundKey::new(&AES_128_GCM, key).map(LessSafeKey::new).map_err(|_| Problem::NoKey)
}

fn binding(talk: &str, nonce: &[u8], body: &[u8]) -> Vec<u8> {
    let mut hash = Context::new(&SHA256);
    for part in [talk.to_ascii_lowercase().as_bytes(), &[0], nonce, body] {
        hash.update(part);
    }
    hash.finish().as_ref().to_vec()
}

fn in_lines(envelope: &str) -> String {
    let mut lines = String::with_capacity(envelope.len() + envelope.len() / LINE);
    for (place, letter) in envelope.chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            lines.push('\n');
        }
        lines.push(letter);
    }
    lines
}
