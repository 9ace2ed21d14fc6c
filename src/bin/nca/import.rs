use std::{collections::HashSet, fs, io::Read, path::PathBuf};

use bevy_nca::rule::{GenericBody, Model, ModelErrorKind, Target, import_article, import_textures, printable};
use clap::Args;

use crate::Result;

#[derive(Args)]
pub struct Import {
    /// A picture, a PNG, which lives in a generic body without training; or the JSON file of a web-demo model, or of a
    /// list of texture models.
    file: PathBuf,
    /// The texture model to import from a list.
    #[arg(long)]
    name: Option<String>,
    /// Import all texture models of a list.
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// The `.nca` file to write; for a list, the folder of the files.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    #[command(flatten)]
    sheet: crate::Sheet,
}

impl Import {
    /// The size limit of the JSON file. Published models are smaller.
    const MAX_BYTES: u64 = 64 << 20;

    pub fn run(&self) -> Result {
        let is_json = self.file.extension().is_none_or(|extension| extension.eq_ignore_ascii_case("json"));
        let is_list = self.all || self.name.is_some();
        match is_json {
            true if self.sheet.is_given() => Err("--frames, --tile and --uv are for a picture".into()),
            true if is_list => self.textures(),
            true => self.article(),
            false if is_list => Err("--name and --all are for the JSON file of a list of texture models".into()),
            false => self.picture(),
        }
    }

    /// Puts a picture into the generic body that fits it.
    fn picture(&self) -> Result {
        crate::prepare_output(&self.output)?;
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
        crate::prepare_output(&self.output)?;
        let name = self.output.file_stem().unwrap_or_default().to_string_lossy();
        let model = import_article(&self.json()?, &name).map_err(|kind| kind.in_file(&self.file))?;
        model.write(&self.output)?;
        let rule = model.rule();
        println!("{}: {} channels, {} hidden units", self.output.display(), rule.channels, rule.hidden);
        Ok(())
    }

    /// Imports texture models of a list.
    fn textures(&self) -> Result {
        let mut models = import_textures(&self.json()?).map_err(|kind| kind.in_file(&self.file))?;
        if let Some(name) = &self.name {
            // The list itself may name a folder too.
            let wanted = name.rsplit('/').next().unwrap_or_default();
            let names: Vec<String> = models.iter().map(|model| printable(&model.rule().name)).collect();
            models.retain(|model| model.rule().name == wanted);
            if models.is_empty() {
                return Err(format!("no texture `{}` in the list of {}", printable(name), names.join(", ")).into());
            }
        }
        let mut files = HashSet::new();
        if let Some(twice) = models.iter().map(file_name).find(|file| !files.insert(file.clone())) {
            return Err(format!("two textures of the list would be `{twice}`").into());
        }
        fs::create_dir_all(&self.output).map_err(|error| format!("{}: {error}", self.output.display()))?;
        for model in &models {
            model.write(self.output.join(file_name(model)))?;
        }
        let textures = if models.len() == 1 { "texture" } else { "textures" };
        println!("{}: {} {textures}", self.output.display(), models.len());
        Ok(())
    }

    /// The contents of the JSON file.
    fn json(&self) -> Result<Vec<u8>> {
        let in_file = |kind: ModelErrorKind| kind.in_file(&self.file);
        let mut json = Vec::new();
        // A device or a pipe can be endless.
        let file = fs::File::open(&self.file).map_err(|error| in_file(error.into()))?;
        let read = file.take(Self::MAX_BYTES).read_to_end(&mut json).map_err(|error| in_file(error.into()))?;
        if read as u64 == Self::MAX_BYTES {
            return Err(in_file(ModelErrorKind::TooLarge { limit: Self::MAX_BYTES }).into());
        }
        Ok(json)
    }
}

/// The file of a texture. Its name comes from another file, and must not lead out of the folder.
fn file_name(model: &Model) -> String {
    let name = model.rule().name.chars();
    let name: String =
        name.map(|char| if char.is_alphanumeric() || "-_".contains(char) { char } else { '_' }).collect();
    format!("{}.nca", if name.is_empty() { "texture" } else { &name })
}
