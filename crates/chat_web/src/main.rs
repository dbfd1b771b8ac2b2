//! The page alone: a core with its line door, the browser's door beside it, and nothing to set. chatd is the product.

use std::io;

use chat_server::config::Config;
use chat_server::server::Server;
use chat_web::{Web, WebConfig};

fn main() -> io::Result<()> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let server = Server::bind(Config::default())?;
    let web = Web::start(server.handle(), WebConfig::default())?;
    let handle = server.handle();
    ctrlc::set_handler(move || handle.shutdown()).map_err(io::Error::other)?;
    tracing::info!(
        "open http://localhost:{} in a browser, or telnet localhost {}",
        web.addr().port(),
        server.handle().addr().port()
    );
    let ended = server.run();
    web.stop();
    ended
}
