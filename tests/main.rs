//! The daemon from outside: the built binary, real files, real signals.

mod support;

mod crash;
mod demo;
mod examples;
mod once;
mod reload;
mod validate;
