//! The client in PROTOCOL.md, run as it stands there.

use chat_conformance::program::{Program, is_here};
use chat_server::testing::TestServer;

#[test]
fn the_client_in_twenty_lines_works() {
    if !is_here("python3") {
        return;
    }
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/PROTOCOL.md")).expect("the manual");
    let code =
        manual.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a client in Python");
    let server = TestServer::start();
    let port = server.addr().port().to_string();
    assert!(code.contains("(\"localhost\", 7878)"), "{code}");
    let code = code.replace("(\"localhost\", 7878)", &format!("(\"127.0.0.1\", {port})"));
    let mut ani = server.join("ani");
    let mut budi = Program::start(&["python3", "-u", "-c", &code, "budi"]);
    ani.hears("* JOINED #lobby budi");
    budi.types("halo: ani?\n");
    ani.hears("* MSG #lobby 1 budi: halo: ani?");
    ani.send("halo, budi: ya");
    budi.sees("ani: halo, budi: ya\n");
    budi.has_no_more_to_say();
    ani.hears("* LEFT #lobby budi: quit");
    assert_eq!(budi.ends().0, Some(0));
}
