//! The end: all users are told, nothing comes after the goodbye, and no thread is left. One test, since it counts threads.

use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{Heard, Stage, Ws, quick};
use chat_conformance::program::alone;
use chat_web::{Times, WebConfig};
use serde_json::json;

fn threads_of_the_door() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").filter_map(Result::ok);
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("web")).count()
}

/// Reads to the end: a goodbye, then the close, then nothing.
fn reads_the_end(mut socket: Ws, reason: &str, code: u16) {
    let mut goodbye = false;
    loop {
        match socket.any() {
            Heard::Frame(frame) => {
                assert!(!goodbye, "after the goodbye came {frame}");
                goodbye = frame["type"] == "Goodbye";
                assert!(!goodbye || frame["reason"] == reason, "{frame}");
            }
            end => {
                assert!(matches!(&end, Heard::Close(got, _) if *got == code), "{end:?}");
                assert_eq!(goodbye, !reason.is_empty());
                assert_eq!(socket.any(), Heard::Cut);
                return;
            }
        }
    }
}

#[test]
fn the_end_is_told_and_leaves_nothing_behind() {
    alone("stop::the_end_is_told_and_leaves_nothing_behind", stop);
}

fn stop() {
    assert_eq!(threads_of_the_door(), 0);
    stop_while_everybody_talks();
    assert_eq!(threads_of_the_door(), 0);
    the_door_alone_goes();
    assert_eq!(threads_of_the_door(), 0);
    stop_with_somebody_who_does_not_read();
    assert_eq!(threads_of_the_door(), 0);
}

fn stop_while_everybody_talks() {
    let mut stage = Stage::start();
    let pages: Vec<Ws> = (0..20).map(|i| stage.page(&format!("p{i}")).1).collect();
    let mut talkers: Vec<_> = (0..3).map(|i| stage.line(&format!("t{i}"))).collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let server = stage.server.take().expect("it runs");
    thread::scope(|scope| {
        for (i, talker) in talkers.iter_mut().enumerate() {
            let stop = &stop;
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    talker.send(&format!("{i} {n}"));
                    if n % 50 == 0 {
                        talker.settle();
                    }
                }
            });
        }
        for mut page in pages {
            scope.spawn(move || {
                for i in 0..50 {
                    page.send(&json!({"type": "Send", "ref": i, "room": "lobby", "text": format!("{i}")}));
                }
                // A page that sends until the end hears the goodbye all the same.
                reads_the_end(page, "restart", 1012);
            });
        }
        server.stop().expect("a clean end");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let began = Instant::now();
        stage.web.take().expect("it is open").stop();
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    });
}

/// The router goes on: sockets are told that only this door goes.
fn the_door_alone_goes() {
    let mut stage = Stage::start();
    let pages: Vec<Ws> = (0..5).map(|i| stage.page(&format!("p{i}")).1).collect();
    thread::scope(|scope| {
        for page in pages {
            scope.spawn(|| reads_the_end(page, "", 1001));
        }
        stage.web.take().expect("it is open").stop();
    });
    let _still = stage.line("budi");
}

fn stop_with_somebody_who_does_not_read() {
    let times = Times { stopping: Duration::from_millis(300), ..Times::default() };
    let mut stage = Stage::with(quick(), WebConfig { times, ..WebConfig::default() });
    let (_, stalled) = stage.page("stalled");
    let mut talker = stage.line("talker");
    let text = "x".repeat(1_900);
    (0..4_000).for_each(|_| talker.send(&text));
    talker.settle();
    let began = Instant::now();
    drop(stage.server.take());
    stage.web.take().expect("it is open").stop();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drop(stalled);
}
