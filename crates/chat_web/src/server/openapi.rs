//! The REST calls, and the document that describes them.

use std::sync::Arc;

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder, Responses, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::PROBLEM;
use crate::error::problems::PROBLEMS;
use crate::events;
use crate::handlers::{
    about, accounts, admin, files, house, invitations, marks, messages, pages, place, preferences, profiles, programs,
    push, qr, retention, search, users,
};
use crate::http::cookies;
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(info(
    title = "chat",
    description = "The chat's REST calls. The WebSocket at /ws is described in docs/protocol.md.",
    license(name = "MIT")
), modifiers(&Keys))]
struct Api;

/// The ways to say who one is.
struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = |what: &str| {
            let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what));
            SecurityScheme::Http(http.build())
        };
        let what =
            "What POST /api/users sets. Its name has the port that the browser sees, and by HTTPS `__Host-` in front";
        let name = format!("3000_{}", cookies::SESSION);
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(name, what.to_string()));
        components
            .add_security_scheme("session", bearer("The token that POST /api/users answers with, or that of a bot"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
        components.add_security_scheme(
            "operator",
            bearer("The operator key; the session of an admin's account does the same"),
        );
    }
}

/// The REST calls.
pub(crate) fn api() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::get_user))
        .routes(routes!(users::me, users::leave))
        .routes(routes!(users::keep_cookie))
        .routes(routes!(programs::enter, programs::part))
        .routes(routes!(marks::list))
        .routes(routes!(marks::read))
        .routes(routes!(marks::members))
        .routes(routes!(retention::show, retention::set))
        .routes(routes!(marks::mentions))
        .routes(routes!(preferences::list))
        .routes(routes!(preferences::get, preferences::set, preferences::unset))
        .routes(routes!(profiles::picture))
        .routes(routes!(programs::post_by_hook))
        .routes(routes!(push::list, push::put))
        .routes(routes!(push::end))
        .routes(routes!(pages::list_messages, messages::create_message))
        .routes(routes!(events::events))
        .routes(routes!(messages::get_message))
        .routes(routes!(about::list_rooms))
        .routes(routes!(about::list_talks))
        .routes(routes!(pages::room_messages))
        .routes(routes!(search::search))
        .routes(routes!(accounts::register))
        .routes(routes!(accounts::sign_in, accounts::sign_out))
        .routes(routes!(accounts::change_password))
        .routes(routes!(accounts::reset))
        .routes(routes!(search::export))
        .routes(routes!(files::upload))
        .routes(routes!(about::offer))
        .routes(routes!(about::healthz))
        .routes(routes!(about::readyz))
        .routes(routes!(document))
        .routes(routes!(admin::overview))
        .routes(routes!(admin::kick))
        .routes(routes!(admin::announce))
        .routes(routes!(admin::forget))
        .routes(routes!(admin::webhooks))
        .routes(routes!(house::lists))
        .routes(routes!(house::lift))
        .routes(routes!(house::retain))
        .routes(routes!(house::grant))
        .routes(routes!(house::end_webhook))
        .routes(routes!(house::try_again))
        .routes(routes!(qr::qr))
        .routes(routes!(place::name))
        .routes(routes!(place::set_picture, place::unset_picture))
        .routes(routes!(admin::audit))
        .routes(routes!(invitations::list, invitations::make))
        .routes(routes!(invitations::end))
        .routes(routes!(invitations::make_reset))
        .routes(routes!(invitations::remove))
}

/// What any call can be refused with, before it is looked at ([`gate`]).
const BY_THE_GATE: [(&str, &str); 3] = [
    ("400", "There is no Host, or a proxy asks that is not known"),
    ("403", "The page of another site asks"),
    ("421", "Another server is meant"),
];

fn refusable(responses: &mut Responses, changes: bool) {
    for (status, description) in BY_THE_GATE.into_iter().filter(|(status, _)| changes || *status != "403") {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new().description(description).content(PROBLEM, problem).build();
        responses.responses.entry(status.into()).or_insert(RefOr::T(response));
    }
}

/// The codes of [`PROBLEMS`], as the examples of a problem's `code`. No `enum`: a client that was generated goes on working with a
/// server that has one more.
fn list_codes(document: &mut utoipa::openapi::OpenApi) {
    let problem = document.components.as_mut().and_then(|components| components.schemas.get_mut("Problem"));
    if let Some(RefOr::T(Schema::Object(problem))) = problem
        && let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code")
    {
        code.examples = PROBLEMS.iter().map(|(code, ..)| (*code).into()).collect();
    }
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = OpenApiRouter::with_openapi(Api::openapi()).nest("/api", api()).split_for_parts().1;
    for item in document.paths.paths.values_mut() {
        for (operation, changes) in
            [(&mut item.get, false), (&mut item.post, true), (&mut item.put, true), (&mut item.delete, true)]
        {
            if let Some(operation) = operation {
                refusable(&mut operation.responses, changes);
            }
        }
    }
    // utoipa takes every body for application/json.
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten() {
            let refusals = operation.responses.responses.iter_mut().filter(|(status, _)| status.as_str() >= "400");
            for (_, response) in refusals {
                if let RefOr::T(response) = response
                    && let Some(content) = response.content.shift_remove("application/json")
                {
                    response.content.insert(PROBLEM.into(), content);
                }
            }
        }
    }
    list_codes(&mut document);
    document
}

/// This description
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "server", responses(
    (status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}
