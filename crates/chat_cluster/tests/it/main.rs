//! Tests of several nodes over one log.

mod simulation;
