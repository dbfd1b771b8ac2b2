//! Tests of chatd, the program, from outside: each starts one of its own.

mod account;
#[cfg(unix)]
mod class;
#[cfg(target_os = "linux")]
mod clock;
mod commands;
mod crash;
mod data;
mod deploy;
mod fail2ban;
#[cfg(unix)]
mod fail_closed;
#[cfg(target_os = "linux")]
mod figures;
mod files;
mod irc;
#[cfg(unix)]
mod irc_programs;
mod kit;
#[cfg(target_os = "linux")]
mod life;
mod month;
mod product;
mod proxies;
mod readme;
mod secrecy;
mod secrets;
mod talks;
#[cfg(target_os = "linux")]
mod tls;
mod transcripts;
#[cfg(target_os = "linux")]
mod unix;
mod webhooks;
