//! The systems of a frame: a small plugin for each concern.

mod choose_backend;
mod clock;
mod damage;
mod diagnostics;
mod directions;
mod effect;
mod form;
mod instances;
mod lifecycle;
mod pending;
mod read_back;
mod rollback;
mod sever;
mod shed;
mod sleep;
mod vitals;

pub(crate) use choose_backend::BackendPlugin;
pub(crate) use clock::ClockPlugin;
pub(crate) use damage::DamagePlugin;
pub use diagnostics::NcaDiagnosticsPlugin;
pub(crate) use directions::DirectionsPlugin;
pub(crate) use form::FormPlugin;
pub(crate) use lifecycle::LifecyclePlugin;
pub(crate) use read_back::ReadBackPlugin;
pub use rollback::{NcaRollback, NcaRollbackError};
pub(crate) use sever::SeverPlugin;
pub(crate) use sleep::SleepPlugin;
pub(crate) use vitals::{StatsInbox, VitalsPlugin};
