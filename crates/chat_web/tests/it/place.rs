//! The name and the picture of the place: set while the server runs, and seen at every door.

use std::sync::atomic::{AtomicU32, Ordering};

use chat_web::WebConfig;
use chat_web::place::Place;
use serde_json::{Value, json};

use crate::kit::{KEY, MemoryStore, Setup, Stage, call, get, quick};

/// A place without a name, in a folder of its own.
pub(crate) fn fresh() -> Place {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("chat-place-{}-{number}", std::process::id()));
    // What an earlier process of that number left is none of ours.
    let _gone = std::fs::remove_dir_all(&dir);
    Place::at(dir)
}

/// The beginning of a PNG of that size, as far as the server looks.
pub(crate) fn picture(side: u32) -> Vec<u8> {
    let size = side.to_be_bytes();
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &size[..], &size[..], b"\x08\x06\0\0\0"].concat()
}

fn stage(place: Place) -> Stage {
    let config =
        chat_server::config::Config { operator_key: chat_server::config::OperatorKey::new(KEY).ok(), ..quick() };
    let kept = Some((MemoryStore::default(), chat_server::model::roles::Policy::default()));
    Stage::with(Setup { kept, ..config.into() }, WebConfig { place: Some(place), ..WebConfig::default() })
}

fn named(stage: &Stage, name: &str) -> (u16, Value) {
    let put = call("PUT", "/api/admin/place").header("content-type", "application/json");
    let put = put.body(json!({ "name": name }).to_string());
    let reply = stage.call(put.clone().bearer(KEY));
    crate::openapi::declared(&put, &reply);
    (reply.status, if reply.status < 300 { Value::Null } else { reply.json() })
}

#[test]
fn the_name_holds_at_once_at_every_door() {
    let place = fresh();
    let stage = stage(place.clone());
    assert_eq!(named(&stage, " Warung Kopi ").0, 204);
    assert_eq!(stage.call(get("/api/server")).json()["name"], "Warung Kopi");
    let manifest = stage.call(get("/manifest.webmanifest"));
    assert_eq!(manifest.header("content-type"), Some("application/manifest+json"));
    assert_eq!(
        (&manifest.json()["name"], &manifest.json()["short_name"]),
        (&json!("Warung Kopi"), &json!("Warung Kopi"))
    );
    let mut page = stage.guest("ana").connect();
    page.until(&json!({ "type": "Hello", "server": { "name": "Warung Kopi" } }));
    for wrong in ["", "  ", "two\nlines"] {
        assert_eq!(named(&stage, wrong).0, 422, "{wrong:?}");
    }
    // It is there after a restart, before the name of the settings.
    let mut config = quick();
    place.name_in(&mut config).expect("a name");
    assert_eq!(config.name.as_str(), "Warung Kopi");
}

#[test]
fn the_picture_is_the_icon_of_the_page() {
    let stage = stage(fresh());
    let own = stage.call(get("/icons/192.png"));
    assert_eq!((own.status, stage.call(get("/api/server")).json()["picture"].clone()), (200, Value::Null));
    let put = |bytes: Vec<u8>| {
        let put = call("PUT", "/api/admin/place/picture").header("content-type", "image/png").body(bytes);
        let reply = stage.call(put.clone().bearer(KEY));
        crate::openapi::declared(&put, &reply);
        reply.status
    };
    assert_eq!(put(picture(192)), 204);
    let shown = stage.call(get("/icons/192.png"));
    assert_eq!((shown.header("content-type"), shown.body.clone()), (Some("image/png"), picture(192)));
    let offer = stage.call(get("/api/server")).json();
    let address = offer["picture"].as_str().expect("an address");
    assert!(address.starts_with("/icons/192.png?v="), "{address}");
    assert_eq!(stage.call(get("/manifest.webmanifest")).json()["icons"][0]["src"], address);
    let big = [picture(192), vec![0; 61 * 1024]].concat();
    for wrong in [picture(193), b"<svg/>".to_vec(), Vec::new(), big] {
        assert_eq!(put(wrong), 422);
    }
    assert_eq!(stage.call(call("DELETE", "/api/admin/place/picture").bearer(KEY)).status, 204);
    assert_eq!(stage.call(get("/icons/192.png")).body, own.body);
}

#[test]
fn where_nothing_is_kept_neither_is_the_name() {
    let config =
        chat_server::config::Config { operator_key: chat_server::config::OperatorKey::new(KEY).ok(), ..quick() };
    let stage = Stage::with(config, WebConfig::default());
    let (status, problem) = named(&stage, "Warung Kopi");
    assert_eq!((status, &problem["code"]), (501, &json!("no-store")));
}
