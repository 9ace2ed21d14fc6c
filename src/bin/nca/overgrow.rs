use std::path::PathBuf;

use bevy_nca::rule::Model;
use clap::Args;

use crate::Result;

#[derive(Args)]
pub struct Overgrow {
    /// The `.nca` file of a material, such as a wall.
    model: PathBuf,
    /// The `.nca` file of the material that grows over it where a game paints it, such as moss.
    overgrowth: PathBuf,
    /// The `.nca` file to write. The model keeps the name of the first one, and snapshots of that fit it.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
}

impl Overgrow {
    pub fn run(&self) -> Result {
        crate::prepare_output(&self.output)?;
        let second = Model::read(&self.overgrowth)?;
        let first = Model::read(&self.model)?;
        let at_fault = if first.rule().alive.is_some() { &self.model } else { &self.overgrowth };
        first.with_overgrowth(&second).map_err(|kind| kind.in_file(at_fault))?.write(&self.output)?;
        println!("{}: {}, overgrown by {}", self.output.display(), self.model.display(), self.overgrowth.display());
        Ok(())
    }
}
