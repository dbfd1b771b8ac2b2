//! Line editing for telnet clients in character mode: the server draws the line and its cursor.

pub mod verbs;
