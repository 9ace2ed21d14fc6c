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
    /// The `.nca` file to write.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
}

impl Overgrow {
    pub fn run(&self) -> Result {
        crate::prepare_output(&self.output)?;
        let second = Model::read(&self.overgrowth)?;
        let name = self.output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let model = Model::read(&self.model)?
            .with_overgrowth(&second)
            .map_err(|kind| kind.in_file(&self.overgrowth))?
            .map_rule(|rule| rule.name = name)?;
        model.write(&self.output)?;
        println!("{}: {}, overgrown by {}", self.output.display(), self.model.display(), self.overgrowth.display());
        Ok(())
    }
}
