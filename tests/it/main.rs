//! All integration tests, in one binary to keep link time down.

mod alive_mask;
mod cli;
mod conventions;
mod damage;
mod engines;
mod golden;
mod gradient;
mod lifecycle;
mod model_file;
mod noise;
mod physics;
mod picking;
mod picture;
mod places;
mod plugin;
mod readme;
mod rollout;
mod scale;
mod snapshot;
mod soak;
mod support;
mod surfaces;
mod timing;
mod train;
mod vitals;
