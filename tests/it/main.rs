//! Tests of the server from outside: by transcripts, and over real sockets.

mod lifecycle;
mod limits;
mod load;
mod manual;
mod promise;
mod soak;
mod transcripts;
