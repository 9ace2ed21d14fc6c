//! What can be wrong with a model, said so that its maker can mend it.

use std::{fmt, io, path::PathBuf};

/// A model could not be read, written or made.
#[derive(Debug, thiserror::Error)]
#[error("{}{kind}", Prefix(path))]
pub struct ModelError {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub kind: ModelErrorKind,
}

/// What is wrong with a model: the field, what was found, and what was wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The file could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is larger than any model can be.
    #[error("found more than {limit} bytes; a model has fewer")]
    TooLarge {
        /// The most bytes wanted.
        limit: u64,
    },
    /// The safetensors header does not parse, or does not fit the file's length.
    #[error("not a whole safetensors file ({}); is it truncated?", shorten(.0.to_string()))]
    Header(#[source] safetensors::SafeTensorError),
    /// The header has no metadata key `nca`, or it is no JSON object.
    #[error("metadata key `nca`: found {found}; wanted the rule as a JSON object")]
    Metadata {
        /// What stands there.
        found: String,
    },
    /// The rule has a version that this crate does not read.
    #[error("`version`: found {found}; wanted {}", super::Rule::VERSION)]
    Version {
        /// The version found.
        found: u64,
    },
    /// A field of the rule is missing, of the wrong type, or out of range.
    #[error("`{field}`: found {found}; wanted {wanted}")]
    Field {
        /// The field's name in the JSON.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// A tensor is missing.
    #[error("tensor `{tensor}`: missing; wanted shape {wanted:?}")]
    MissingTensor {
        /// The tensor's name.
        tensor: &'static str,
        /// The shape that the rule calls for.
        wanted: Vec<usize>,
    },
    /// A tensor has another shape than the rule calls for.
    #[error("tensor `{tensor}`: found shape {found:?}; wanted {wanted}")]
    Shape {
        /// The tensor's name.
        tensor: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the rule calls for.
        wanted: String,
    },
    /// A tensor has a type that is not read.
    #[error("tensor `{tensor}`: found type {found:?}; wanted {wanted}")]
    Dtype {
        /// The tensor's name.
        tensor: &'static str,
        /// Its type.
        found: safetensors::Dtype,
        /// The types that are read.
        wanted: &'static str,
    },
    /// A weight is infinite or not a number.
    #[error("tensor `{tensor}`: found {found} at index {index}; wanted finite weights")]
    NonFinite {
        /// The tensor's name.
        tensor: &'static str,
        /// The first bad element.
        index: usize,
        /// Its value.
        found: f32,
    },
    /// A file to import is of another format.
    #[error("found {format}; {way_out}")]
    Foreign {
        /// The format found.
        format: String,
        /// What to do with it, or what was wanted.
        way_out: &'static str,
    },
    /// A web-demo file of the article does not have the form that it should.
    #[error("layer {layer}, `{field}`: found {found}; wanted {wanted}")]
    Article {
        /// The layer, 0 or 1.
        layer: usize,
        /// The field of the layer.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What would be right.
        wanted: String,
    },
}

impl ModelErrorKind {
    pub(super) fn field(field: &'static str, found: impl Into<String>, wanted: &'static str) -> Self {
        Self::Field { field, found: shorten(found.into()), wanted }
    }

    /// The error, naming a file.
    pub fn in_file(self, path: impl Into<PathBuf>) -> ModelError {
        ModelError { path: Some(path.into()), kind: self }
    }
}

impl From<ModelErrorKind> for ModelError {
    fn from(kind: ModelErrorKind) -> Self {
        Self { path: None, kind }
    }
}

/// Keeps what a hostile file says from filling the log, and from commanding the terminal.
pub(crate) fn shorten(mut text: String) -> String {
    const MOST: usize = 80;
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push_str("...");
    }
    printable(&text)
}

/// Text from a file, fit to be printed: control characters, such as the escapes that command a terminal, and what else
/// is invisible or turns the direction of writing, as escapes like `\\u{1b}`.
pub fn printable(text: &str) -> String {
    let escaped = |char: char| match char {
        '"' | '\'' | '\\' => char.to_string(),
        _ => char.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

struct Prefix<'a>(&'a Option<PathBuf>);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(path) => write!(f, "{}: ", path.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_does_not_command_the_terminal() {
        assert_eq!(printable("a \u{1b}[31mb\u{9b}\u{7}\n\u{202e}"), "a \\u{1b}[31mb\\u{9b}\\u{7}\\n\\u{202e}");
        assert_eq!(printable(r#"C:\Ünï "quoted" 'slime' 史莱姆"#), r#"C:\Ünï "quoted" 'slime' 史莱姆"#);
        assert_eq!(shorten("\u{1b}".repeat(99)), "\\u{1b}".repeat(80) + "...");
    }
}
