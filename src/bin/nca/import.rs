use std::{io::Read, path::PathBuf};

use bevy_nca::rule::{ModelErrorKind, import_article};
use clap::Args;

use crate::Result;

#[derive(Args)]
pub struct Import {
    /// The JSON file of the web demo.
    file: PathBuf,
    /// The `.nca` file to write.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
}

impl Import {
    /// The size limit of the JSON file. Published models are smaller.
    const MAX_BYTES: u64 = 64 << 20;

    pub fn run(&self) -> Result {
        let in_file = |kind: ModelErrorKind| kind.in_file(&self.file);
        let mut json = Vec::new();
        // A device or a pipe can be endless.
        let file = std::fs::File::open(&self.file).map_err(|error| in_file(error.into()))?;
        let read = file.take(Self::MAX_BYTES).read_to_end(&mut json).map_err(|error| in_file(error.into()))?;
        if read as u64 == Self::MAX_BYTES {
            return Err(in_file(ModelErrorKind::TooLarge { limit: Self::MAX_BYTES }).into());
        }
        let name = self.output.file_stem().unwrap_or_default().to_string_lossy();
        let model = import_article(&json, &name).map_err(in_file)?;
        model.write(&self.output)?;
        let rule = model.rule();
        println!("{}: {} channels, {} hidden units", self.output.display(), rule.channels, rule.hidden);
        Ok(())
    }
}
