//! All integration tests, in one binary to keep link time down.

mod engines;
mod golden;
mod model_file;
mod plugin;
mod support;
