//! The parts of a population: instances and their pending edits, the active set, the atlas, statistics and read-backs.
//!
//! Nothing here simulates. These types share only plain data with the engines and the components.

mod active_set;
mod atlas;
mod instance;
mod life;
mod parting;
mod reads;
mod state;
mod statistics;
mod walk;

pub(crate) use active_set::{ActiveSet, instances_at, pick};
pub(crate) use atlas::{Atlas, AtlasContent, AtlasRegion, max_slots, tiling_sampler};
pub(crate) use instance::{Instance, Part, Settings, Strike};
pub(crate) use life::KnownLife;
pub(crate) use parting::Parting;
pub(crate) use reads::{PendingRead, PendingReads, ReadRequest};
pub(crate) use state::InstanceState;
pub(crate) use statistics::InstanceStats;
pub(crate) use walk::{FormWalk, MAX_SHARE};
