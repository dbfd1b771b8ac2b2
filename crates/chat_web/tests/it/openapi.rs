//! The OpenAPI document: current, whole, and true.

use std::collections::BTreeSet;
use std::path::Path;

use chat_server::features::VERBS;
use chat_server::model::code::Code;
use chat_web::PROBLEMS;
use serde_json::{Value, json};

use crate::kit::{Call, Reply, Stage, call};

fn document() -> Value {
    serde_json::to_value(chat_web::openapi()).expect("JSON")
}

/// `REWRITE=1 cargo test -p chat_web openapi` writes the snapshot anew.
#[test]
fn the_snapshot_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let now = serde_json::to_string_pretty(&document()).expect("JSON") + "\n";
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(&path, &now).expect("writable");
    }
    let kept = std::fs::read_to_string(&path).expect("crates/chat_web/openapi.json");
    assert!(kept == now, "openapi.json is not current: run with REWRITE=1 and look at the difference");
}

/// A client reads here which codes there are.
#[test]
fn it_has_every_code_of_a_problem() {
    let codes: Vec<Value> = PROBLEMS.iter().map(|(code, ..)| json!(code)).collect();
    assert_eq!(document()["components"]["schemas"]["Problem"]["properties"]["code"]["examples"], json!(codes));
    // The lab is asked for at the line door only.
    for code in Code::ALL.iter().filter(|code| code.when_refused().is_some() && **code != Code::NoLab) {
        assert!(PROBLEMS.iter().any(|(known, ..)| *known == code.slug()), "/problems has no {code}");
    }
}

/// The page has sentences of its own for what these verbs did, and leaves by itself where the server has a verb for it.
#[test]
fn the_verbs_that_the_page_knows_are_the_servers() {
    let inside = |source: &str, begin: &str| {
        let rest = source.split_once(begin).unwrap_or_else(|| panic!("no {begin}")).1;
        rest.split_once('}').expect("an end").0.to_string()
    };
    let did = inside(include_str!("../../static/js/moderation.js"), "const DID = {");
    for slash in did.split(',').filter_map(|pair| Some(pair.split_once(':')?.0.trim())) {
        assert!(VERBS.iter().any(|verb| verb.slashes.contains(&slash)), "there is no /{slash}");
    }
    let quit = VERBS.iter().find(|verb| verb.name == "QUIT").expect("QUIT");
    let slashes: Vec<String> = quit.slashes.iter().map(|slash| format!("'{slash}'")).collect();
    let leave = inside(include_str!("../../static/js/commands.js"), "const LEAVE = {");
    assert!(leave.contains(&format!("name: '{}', slashes: [{}]", quit.name, slashes.join(", "))), "{leave}");
}

/// The template and the operation that a call is for.
fn operation(document: &Value, method: &str, path: &str) -> Option<Value> {
    let path = path.split('?').next().unwrap_or(path).replace("/api/v1/", "/api/");
    let parts: Vec<&str> = path.split('/').collect();
    let is_for = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        template.len() == parts.len() && template.iter().zip(&parts).all(|(t, p)| t == p || t.starts_with('{'))
    };
    let paths = document["paths"].as_object()?;
    let (_, item) = paths.iter().find(|(template, _)| is_for(template))?;
    item.get(method.to_ascii_lowercase()).cloned()
}

/// What a call was answered with has to be declared for it, if it is declared at all. 405, 406 and the 404 of a path that is no
/// path are no business of an operation.
#[track_caller]
pub(crate) fn declared(call: &Call, reply: &Reply) {
    let Some(operation) = operation(&document(), &call.method, &call.path).filter(|_| reply.status != 406) else {
        return;
    };
    let declared = &operation["responses"][reply.status.to_string()];
    assert!(declared.is_object(), "{} {}: {} is not declared: {}", call.method, call.path, reply.status, reply.text());
    if let (Some(kind), false) = (reply.header("content-type"), reply.body.is_empty()) {
        let kind = kind.split(';').next().unwrap_or(kind);
        assert!(declared["content"][kind].is_object(), "{} {}: {kind} is not declared", call.method, call.path);
    }
}

#[test]
fn every_operation_has_an_id_of_its_own_and_the_document_the_products_version() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_ne!(env!("CARGO_PKG_VERSION"), "0.0.0", "the version is the workspace's");
    let mut seen = BTreeSet::new();
    let paths = document["paths"].as_object().expect("paths").values();
    for operation in paths.flat_map(|item| item.as_object().expect("operations").values()) {
        let id = operation["operationId"].as_str().expect("an id").to_string();
        assert!(seen.insert(id.clone()), "two operations are called {id}: a client cannot be generated from that");
    }
}

#[test]
fn every_route_is_in_it_and_answers() {
    let document = document();
    let stage = Stage::start();
    let mut seen = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            seen.insert(format!("{} {path}", method.to_uppercase()));
            let concrete = path.replace("{id}", "00000000-0000-7000-8000-000000000000").replace("{room}", "lobby");
            for path in [concrete.clone(), concrete.replace("/api/", "/api/v1/")] {
                let reply = stage.call(call(&method.to_uppercase(), &path));
                let code = if reply.status >= 400 { reply.problem() } else { String::new() };
                assert!(!["not-found", "method-not-allowed"].contains(&code.as_str()), "{method} {path}: {code}");
            }
            assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{method} {path}");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
            for scheme in operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object) {
                for name in scheme.keys() {
                    assert!(document["components"]["securitySchemes"][name].is_object(), "{name} is not explained");
                }
            }
        }
    }
    // The table of docs/protocol.md, section 3.
    let wanted = [
        "POST /api/users",
        "GET /api/users",
        "GET /api/users/{id}",
        "GET /api/me",
        "DELETE /api/me",
        "PUT /api/me/cookie",
        "GET /api/messages",
        "POST /api/messages",
        "GET /api/messages/{id}",
        "GET /api/events",
        "GET /api/me/rooms",
        "PUT /api/rooms/{room}/read",
        "GET /api/rooms/{room}/members",
        "GET /api/rooms/{room}/retention",
        "PUT /api/rooms/{room}/retention",
        "GET /api/mentions",
        "GET /api/me/push",
        "PUT /api/me/push",
        "DELETE /api/me/push/{number}",
        "GET /api/me/preferences",
        "GET /api/me/preferences/{key}",
        "PUT /api/me/preferences/{key}",
        "DELETE /api/me/preferences/{key}",
        "GET /api/profiles/{name}/picture",
        "PUT /api/me/rooms/{room}",
        "DELETE /api/me/rooms/{room}",
        "POST /api/hooks/{token}",
        "GET /api/rooms",
        "GET /api/talks",
        "POST /api/files",
        "GET /api/rooms/{room}/export",
        "GET /api/rooms/{room}/messages",
        "GET /api/search",
        "POST /api/accounts",
        "POST /api/session",
        "DELETE /api/session",
        "PUT /api/account/password",
        "POST /api/account/reset",
        "GET /api/server",
        "GET /api/healthz",
        "GET /api/readyz",
        "GET /api/openapi.json",
        "GET /api/admin/overview",
        "POST /api/admin/kick",
        "POST /api/admin/announce",
        "POST /api/admin/forget",
        "GET /api/admin/audit",
        "GET /api/admin/webhooks",
        "DELETE /api/admin/webhooks/{number}",
        "POST /api/admin/letters/{number}",
        "GET /api/admin/lists",
        "PUT /api/admin/place",
        "PUT /api/admin/place/picture",
        "DELETE /api/admin/place/picture",
        "POST /api/admin/qr",
        "POST /api/admin/lift",
        "PUT /api/admin/rooms/{room}/retention",
        "PUT /api/admin/accounts/{name}/role",
        "GET /api/admin/invitations",
        "POST /api/admin/invitations",
        "DELETE /api/admin/invitations/{number}",
        "POST /api/admin/accounts/{name}/reset",
        "DELETE /api/admin/accounts/{name}",
    ];
    let wanted: BTreeSet<String> = wanted.into_iter().map(String::from).collect();
    assert_eq!(seen, wanted);
    let manual = include_str!("../../../../docs/protocol.md");
    for call in &wanted {
        let (_, path) = call.split_once(' ').expect("a method and a path");
        assert!(
            manual.contains(&format!("{path}`")) || manual.contains(&format!("{path}?")),
            "docs/protocol.md has no {call}"
        );
    }
    assert_eq!(document["info"]["title"], json!("chat"));
}
