//! Checks HPKE by the example values of RFC 9180, and envelopes and safety numbers by values that the page's tests read as well.

use chat_sealed::{Device, MARK, Point, Problem, Safety, is_sealed, open, seal, sender};
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, setup_receiver};
use serde_json::Value;

const TALK: &str = "@ani+budi";

fn values(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().expect("a text").as_bytes();
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn hpke_opens_what_rfc_9180_sealed() {
    let rfc = values(include_str!("../values/rfc9180_a33.json"));
    let private = |name: &str| <DhP256HkdfSha256 as Kem>::PrivateKey::from_bytes(&bytes(&rfc[name])).unwrap();
    let sender = <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(&bytes(&rfc["pkSm"])).unwrap();
    assert_eq!(DhP256HkdfSha256::sk_to_pk(&private("skSm")), sender);
    let encapsulated = <DhP256HkdfSha256 as Kem>::EncappedKey::from_bytes(&bytes(&rfc["enc"])).unwrap();
    let mode = OpModeR::Auth(sender);
    let mut context = setup_receiver::<AesGcm128, HkdfSha256, DhP256HkdfSha256>(
        &mode,
        &private("skRm"),
        &encapsulated,
        &bytes(&rfc["info"]),
    )
    .unwrap();
    for one in rfc["encryptions"].as_array().unwrap() {
        assert_eq!(context.open(&bytes(&one["ct"]), &bytes(&one["aad"])).unwrap(), bytes(&one["pt"]));
    }
}

#[test]
fn an_envelope_of_the_values_is_opened_and_the_safety_number_is_theirs() {
    let held = values(include_str!("../values/envelope.json"));
    let text = |name: &str| held[name].as_str().unwrap_or_else(|| panic!("no {name}"));
    let [ani, budi] = ["ani", "budi"].map(|name| Device::parse(text(name)).unwrap());
    assert_eq!(ani.point().to_string(), text("ani_point"));
    assert_eq!(ani.point().id(), text("ani_id"));
    for device in [&ani, &budi] {
        let opened = open(device, text("talk"), text("sealed")).unwrap();
        assert_eq!(opened, (ani.point(), text("words").to_string()));
    }
    let safety = Safety::of([ani.point(), budi.point()]);
    assert_eq!((safety.digits.as_str(), safety.words.as_str()), (text("digits"), text("words_to_compare")));
}

/// Prints other values for the file: `cargo test -p chat_sealed --test it -- --ignored --nocapture`.
#[test]
#[ignore = "it makes values, and tests nothing"]
fn values_are_made() {
    let (ani, budi) = (Device::generate(), Device::generate());
    let words = "Sampai besok, Budi – grüße! 👋\n\tzwei Zeilen";
    let safety = Safety::of([ani.point(), budi.point()]);
    let made = serde_json::json!({
        "talk": TALK, "ani": ani.secret(), "budi": budi.secret(),
        "ani_point": ani.point().to_string(), "ani_id": ani.point().id(), "budi_point": budi.point().to_string(),
        "words": words, "sealed": seal(&ani, &[ani.point(), budi.point()], TALK, words).unwrap(),
        "digits": safety.digits, "words_to_compare": safety.words,
    });
    println!("{made:#}");
}

#[test]
fn only_the_devices_it_is_for_open_it_and_in_its_talk_alone() {
    let [ani, budi, phone, eve] = [(); 4].map(|()| Device::generate());
    let to = [ani.point(), budi.point(), phone.point()];
    let sealed = seal(&ani, &to, TALK, "at eight").unwrap();
    assert!(is_sealed(&sealed) && sealed.starts_with(MARK) && !sealed.contains("eight"));
    assert_eq!(sender(&sealed), Ok(ani.point()));
    for device in [&ani, &budi, &phone] {
        assert_eq!(open(device, "@Ani+budi", &sealed), Ok((ani.point(), "at eight".into())));
    }
    assert_eq!(open(&eve, TALK, &sealed), Err(Problem::NotForThisDevice));
    assert_eq!(open(&budi, "@ani+budi+eve", &sealed), Err(Problem::NotGenuine));
}

#[test]
fn what_was_changed_anywhere_is_not_opened() {
    let [ani, budi] = [(); 2].map(|()| Device::generate());
    let sealed = seal(&ani, &[budi.point(), ani.point()], TALK, "at eight").unwrap();
    let letters: Vec<char> = sealed.chars().collect();
    for place in (MARK.len()..letters.len()).step_by(7) {
        let mut other = letters.clone();
        other[place] = if other[place] == 'A' { 'B' } else { 'A' };
        let other: String = other.into_iter().collect();
        // A change in the key of ani's own device is none of budi's.
        let opened = open(&budi, TALK, &other);
        assert!(opened.is_err() || opened == Ok((ani.point(), "at eight".into())), "{place}: {opened:?}");
    }
    for end in [0, MARK.len(), MARK.len() + 50, sealed.len() / 2, sealed.len() - 4] {
        assert!(open(&budi, TALK, &sealed[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_long_message_has_lines_that_a_door_of_lines_takes() {
    let ani = Device::generate();
    let words = "kata ".repeat(2_000);
    let sealed = seal(&ani, &[ani.point(); 16], TALK, &words).unwrap();
    assert!(is_sealed(&sealed) && sealed.lines().count() > 10 && sealed.lines().all(|line| line.len() <= 900));
    assert_eq!(open(&ani, TALK, &sealed).unwrap().1, words);
    assert_eq!(seal(&ani, &[ani.point(); 17], TALK, "x"), Err(Problem::TooManyDevices));
}

#[test]
fn a_safety_number_is_the_same_on_both_sides_and_changes_with_a_key() {
    let [ani, budi, other] = [(); 3].map(|()| Device::generate().point());
    let number = Safety::of([ani, budi]);
    assert_eq!(number, Safety::of([budi, ani, budi]));
    assert_ne!(number, Safety::of([ani, other]));
    assert_ne!(number, Safety::of([ani, budi, other]));
    assert_eq!((number.digits.len(), number.words.split(' ').count()), (71, 8));
}

#[test]
fn keys_have_their_form() {
    let device = Device::generate();
    assert_eq!(Device::parse(&device.secret()).unwrap().point(), device.point());
    assert_eq!(Point::parse(&device.point().to_string()), Ok(device.point()));
    let zero = "A".repeat(87);
    for wrong in ["", "x", &zero, &device.point().to_string()[1..]] {
        assert_eq!(Point::parse(wrong), Err(Problem::NoKey), "{wrong}");
    }
    assert!(Device::parse("").is_err() && Device::parse("AAAA").is_err());
    let shown = format!("{device:?}");
    assert!(shown.contains(&device.point().id()) && !shown.contains(&device.secret()));
}
