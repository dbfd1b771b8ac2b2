//! chatd's figures, and what stands in deploy/ for those who watch them: every name in a dashboard or an alert is one that a
//! server really has.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use chat_conformance::program::{Program, is_here, tied};
use chat_server::testing::{DEADLINE, Scrape, TestClient};

/// chatd with every door and a store. It is ended with the test.
struct Watched {
    child: Child,
    line: SocketAddr,
    page: SocketAddr,
    tls: SocketAddr,
    figures: SocketAddr,
    _data: tempfile::TempDir,
}

fn chatd() -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_chatd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        command.env_remove(name);
    }
    command
}

impl Watched {
    fn start() -> Watched {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let made = chatd().args(["cert", "--dev", "--dir"]).arg(path("tls")).output().expect("it runs");
        assert!(made.status.success(), "{made:?}");
        let doors = ["--addr", "--files", "--web", "--tls", "--metrics"].map(|door| [door, "127.0.0.1:0"]);
        let mut child = chatd()
            .args(doors.concat())
            .args(["--tls-cert".into(), path("tls/cert.pem"), "--tls-key".into(), path("tls/key.pem")])
            .args([PathBuf::from("--data"), path("data")])
            .args(["--log", "warn"])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("chatd starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut address = |begin: &str| -> SocketAddr {
            let mut line = String::new();
            out.read_line(&mut line).expect("it says where it listens");
            let rest = line.trim().strip_prefix(begin).unwrap_or_else(|| panic!("unexpected: {line:?}"));
            rest.trim_end_matches("/metrics").parse().expect("an address")
        };
        let (line, page) = (address("listening on "), address("page on http://"));
        let (tls, _files, figures) = (address("tls on "), address("files on "), address("figures on http://"));
        Watched { child, line, page, tls, figures, _data: folder }
    }

    /// Looks until it is so: some figures are a second old.
    #[track_caller]
    fn sees(&self, what: &str, is_so: impl Fn(&dyn Fn(&str) -> f64) -> bool) -> Scrape {
        let began = Instant::now();
        loop {
            let scrape = Scrape::of(self.figures);
            if is_so(&|series| scrape.value(series).unwrap_or(f64::NAN)) {
                return scrape;
            }
            assert!(began.elapsed() < DEADLINE, "{what} is not seen:\n{}", scrape.text);
            std::thread::yield_now();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(deploy(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn call(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).expect("the door is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
    write!(stream, "{request}").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// promtool with these arguments; what it is given, and what it says if it finds anything wrong.
#[track_caller]
fn promtool(words: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(words)
        .current_dir(deploy("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is here");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let said = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "promtool {words:?}: {text}");
}

/// The names of figures in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("chat_") || word.starts_with("process_")).collect()
}

#[test]
fn every_part_tells_its_figures() {
    let chatd = Watched::start();
    let mut ani = TestClient::connect(chatd.line);
    ani.send("JOIN:ani");
    ani.until("* OK JOIN ...");
    for line in ["MSG:one", "MSG:two", "MSG:", "HISTORY:"] {
        ani.send(line);
    }
    ani.settle();
    let guest = r#"{"name":"budi"}"#;
    let head = format!("Host: {}\r\nConnection: close\r\nContent-Type: application/json", chatd.page);
    let length = guest.len();
    let made =
        call(chatd.page, &format!("POST /api/users HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{guest}"));
    assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
    let missing = call(chatd.page, &format!("GET /api/nothing HTTP/1.1\r\n{head}\r\n\r\n"));
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    // A hello in clear text at the TLS door.
    let plain = call(chatd.tls, "JOIN:citra\n");
    assert!(plain.contains("TLS"), "{plain}");
    let seen = chatd.sees("somebody at each door", |value| {
        value("chat_clients{door=\"line\"}") == 1.0
            && value("chat_clients{door=\"web\"}") == 1.0
            && value("chat_people") == 2.0
            && value("chat_web_sessions") == 1.0
            && value("chat_tls_handshakes_total{result=\"plain\"}") == 1.0
            && value("chat_store_rows_total") >= 2.0
    });
    for (series, value) in [
        ("chat_build_info{version=\"0.1.0\"}", 1.0),
        ("chat_engine_info{engine=\"direct\"}", 1.0),
        ("chat_messages_total", 2.0),
        ("chat_refusals_total{code=\"412\"}", 1.0),
        ("chat_web_requests_total{status=\"2xx\"}", 1.0),
        ("chat_web_requests_total{status=\"4xx\"}", 1.0),
        ("chat_web_sockets", 0.0),
        ("chat_tls_handshakes_total{result=\"done\"}", 0.0),
        ("chat_store_trouble", 0.0),
        ("chat_store_lost_lines_total", 0.0),
    ] {
        assert_eq!(seen.value(series), Some(value), "{series}:\n{}", seen.text);
    }
    let least = |series: &str, least: f64| {
        assert!(seen.value(series).is_some_and(|value| value >= least), "{series}:\n{}", seen.text);
    };
    least("chat_store_commit_seconds_count", 1.0);
    least("chat_tls_certificate_not_after_seconds", 1e9);
    if is_here("promtool") {
        promtool(&["check", "metrics"], &seen.text);
    }
    if is_here("openssl") {
        let mut dewi = Program::start(&["openssl", "s_client", "-quiet", "-connect", &chatd.tls.to_string()]);
        dewi.types("JOIN:dewi\n");
        dewi.sees(" OK JOIN ");
        chatd.sees("somebody at the TLS door", |value| {
            value("chat_clients{door=\"tls\"}") == 1.0 && value("chat_tls_handshakes_total{result=\"done\"}") == 1.0
        });
    }
}

#[test]
fn the_dashboard_and_the_alerts_name_figures_that_there_are() {
    let chatd = Watched::start();
    let seen = Scrape::of(chatd.figures);
    let known = seen.names();
    for file in ["grafana/chat.json", "prometheus/alerts.yml", "prometheus/alerts.test.yml", "README.md"] {
        let text = read(file);
        // Words may speak of a histogram; a query names one of its parts.
        let is_known = |name: &str| {
            known.contains(name) || (file.ends_with(".md") && known.contains(format!("{name}_count").as_str()))
        };
        let unknown: Vec<&str> =
            names(&text).into_iter().filter(|name| *name != "chat_server" && !is_known(name)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}, which no server has:\n{known:?}");
    }
    // Every alert's name is in the test of the alerts.
    let (alerts, tests) = (read("prometheus/alerts.yml"), read("prometheus/alerts.test.yml"));
    let alerts: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} is in no test");
    }
}

#[test]
fn the_alerts_pass_their_tests() {
    if is_here("promtool") {
        promtool(&["check", "config", "prometheus.yml"], "");
        promtool(&["test", "rules", "alerts.test.yml"], "");
    }
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("grafana/chat.json")).expect("JSON");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(38), "Grafana 10 or newer");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}: an id that another panel has");
        let at = |field: &str| panel["gridPos"][field].as_u64().unwrap_or_else(|| panic!("{title} has no {field}"));
        for x in at("x")..at("x") + at("w") {
            assert!(x < 24, "{title} stands out of the page");
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{title} lies on another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().expect("queries");
        assert!(!targets.is_empty(), "{title} shows nothing");
        for target in targets {
            let query = target["expr"].as_str().expect("a query");
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            assert!(query.contains("{instance=~\"$instance\"}"), "{title}: {query}");
        }
    }
    // Each query is one that Prometheus can read, once Grafana has put its own words in.
    if is_here("promtool") {
        let queries = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
        let mut rules = String::from("groups:\n- name: dashboard\n  rules:\n");
        for (number, target) in queries.enumerate() {
            let query = target["expr"].as_str().expect("a query");
            let query = query.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$instance", ".*");
            rules.push_str(&format!("  - record: panel:{number}\n    expr: {}\n", serde_json::json!(query)));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("dashboard.yml");
        fs::write(&file, rules).expect("a file");
        promtool(&["check", "rules", &file.display().to_string()], "");
    }
}
