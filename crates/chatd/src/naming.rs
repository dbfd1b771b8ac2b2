//! The name and the picture of the place, as a server takes them: at the start, at each reload, and when `chatd place` says so.

use std::path::Path;

use chat_server::config::Config;
use chat_server::features::calls::{Call, Order, Orderer};
use chat_server::net::server::ServerHandle;
use chat_web::place::{self, Place};

use crate::data::Data;

/// The place of a directory of data.
pub(crate) fn of(dir: &Path) -> Place {
    Place::at(place::folder(dir))
}

/// Puts the owner's name into the settings, and says where the page finds the picture.
pub(crate) fn put_into(core: &mut Config, web: &mut chat_web::WebConfig, data: &Data) {
    let Some(dir) = &data.dir else { return };
    let place = of(dir);
    if let Err(why) = place.name_in(core) {
        tracing::warn!("the name of the settings holds: {why}");
    }
    web.place = Some(place);
}

/// A running server looks at the folder again.
///
/// # Errors
/// The name there is none.
pub(crate) fn look_again(dir: &Path, server: &ServerHandle) -> Result<String, String> {
    let mut config = (*server.config()).clone();
    of(dir).name_in(&mut config)?;
    let name = config.name.clone();
    server.reload(config);
    server.send(Call::Order { order: Order::Place(name), by: Orderer::Owner, reply: Box::new(drop) }.into());
    Ok(String::new())
}
