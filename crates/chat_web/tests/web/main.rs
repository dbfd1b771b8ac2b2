//! The browser door from outside: REST, rooms where all doors speak at once, resumes, and the read model behind REST.

#[path = "../kit/mod.rs"]
mod kit;

mod bans;
mod files;
mod gate;
mod kept;
mod listener;
mod openapi;
mod pages;
mod rest;
mod rights;
mod rooms;
mod sockets;
mod tokens;
