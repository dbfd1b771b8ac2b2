//! Tests of the server from outside: by transcripts, and over real sockets.

mod transcripts;
