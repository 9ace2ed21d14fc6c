use std::{io::Read, path::PathBuf};

use bevy_nca::rule::{GenericBody, ModelErrorKind, Target, import_article};
use clap::Args;

use crate::Result;

#[derive(Args)]
pub struct Import {
    /// A picture, a PNG, which lives in a generic body without training; or the JSON file of a web-demo model.
    file: PathBuf,
    /// The `.nca` file to write.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    #[command(flatten)]
    sheet: crate::Sheet,
}

impl Import {
    /// The size limit of the JSON file. Published models are smaller.
    const MAX_BYTES: u64 = 64 << 20;

    pub fn run(&self) -> Result {
        crate::prepare_output(&self.output)?;
        match self.file.extension().is_none_or(|extension| extension.eq_ignore_ascii_case("json")) {
            true if self.sheet.is_given() => Err("--frames, --tile and --uv are for a picture".into()),
            true => self.article(),
            false => self.picture(),
        }
    }

    /// Puts a picture into the generic body that fits it.
    fn picture(&self) -> Result {
        let picture = Target::read(&self.file, self.sheet.reading())?;
        let body = GenericBody::fitting(&picture);
        let name = self.output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let source = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let model = body.with_picture(&picture)?.map_rule(|rule| (rule.name, rule.source) = (name, source))?;
        model.write(&self.output)?;
        let [width, height] = model.target().map_or([0, 0], |target| [target.width, target.height]);
        println!("{}: a generic body, {body} of {width} x {height} cells", self.output.display());
        Ok(())
    }

    /// Imports a model of the article.
    fn article(&self) -> Result {
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
