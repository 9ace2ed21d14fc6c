//! Model errors. Each names what was found and what was expected, so that the author can fix it.

use std::{fmt, io, path::PathBuf};

/// An error while reading, writing or building a model.
#[derive(Debug, thiserror::Error)]
#[error("{}{kind}", Prefix(path))]
pub struct ModelError {
    /// The file, if any.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub kind: ModelErrorKind,
}

/// What is wrong with a model: the field, the value found and the value expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The file could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is larger than any valid model.
    #[error("found more than {limit} bytes; a model has fewer")]
    TooLarge {
        /// The maximum size in bytes.
        limit: u64,
    },
    /// The safetensors header does not parse or does not match the file's length, or a tensor
    /// cannot be serialized.
    #[error("not a whole safetensors file ({}); is it truncated?", truncate_and_escape(.0.to_string()))]
    Header(#[source] safetensors::SafeTensorError),
    /// The header has no metadata key `nca`, or its value is not a JSON object.
    #[error("metadata key `nca`: expected the rule as a JSON object, found {found}")]
    Metadata {
        /// The value found.
        found: String,
    },
    /// The rule has a version that this crate does not read.
    #[error("`version`: expected 1 to {}, found {found}", super::Rule::VERSION)]
    Version {
        /// The version found.
        found: u64,
    },
    /// A field of the rule is missing, of the wrong type, or out of range.
    #[error("`{field}`: expected {expected}, found {found}")]
    Field {
        /// The field's name in the JSON.
        field: &'static str,
        /// The value found.
        found: String,
        /// The value expected.
        expected: &'static str,
    },
    /// A tensor is missing.
    #[error("tensor `{tensor}`: expected shape {expected:?}, found no such tensor")]
    MissingTensor {
        /// The tensor's name.
        tensor: &'static str,
        /// The shape that the rule requires.
        expected: Vec<usize>,
    },
    /// The shape of a tensor does not match the rule.
    #[error("tensor `{tensor}`: expected shape {expected}, found {found:?}")]
    Shape {
        /// The tensor's name.
        tensor: &'static str,
        /// The shape found.
        found: Vec<usize>,
        /// The shape that the rule requires.
        expected: String,
    },
    /// The data type of a tensor is not supported.
    #[error("tensor `{tensor}`: expected type {expected}, found {found:?}")]
    Dtype {
        /// The tensor's name.
        tensor: &'static str,
        /// The data type found.
        found: safetensors::Dtype,
        /// The supported data types.
        expected: &'static str,
    },
    /// A weight is infinite or NaN.
    #[error("tensor `{tensor}`: expected finite weights, found {found} at index {index}")]
    NonFinite {
        /// The tensor's name.
        tensor: &'static str,
        /// The index of the first such element.
        index: usize,
        /// Its value.
        found: f32,
    },
    /// An imported file has a different format.
    #[error("found {format}; {hint}")]
    UnknownFormat {
        /// The format found.
        format: String,
        /// What to do with the file, or what was expected.
        hint: &'static str,
    },
    /// A field of an imported web-demo file is invalid.
    #[error("layer {layer}, `{field}`: expected {expected}, found {found}")]
    Layer {
        /// The layer, 0 or 1.
        layer: usize,
        /// The field of the layer, or `file` for the file as a whole.
        field: &'static str,
        /// The value found.
        found: String,
        /// The value expected.
        expected: String,
    },
}

impl ModelErrorKind {
    pub(super) fn field(field: &'static str, found: impl Into<String>, expected: &'static str) -> Self {
        Self::Field { field, found: truncate_and_escape(found.into()), expected }
    }

    /// Adds the path of the file to the error.
    pub fn in_file(self, path: impl Into<PathBuf>) -> ModelError {
        ModelError { path: Some(path.into()), kind: self }
    }
}

impl From<ModelErrorKind> for ModelError {
    fn from(kind: ModelErrorKind) -> Self {
        Self { path: None, kind }
    }
}

/// Truncates text from an untrusted file to 80 characters, so that it cannot flood the log. Escapes
/// it with [`printable`], so that it cannot control the terminal.
pub(crate) fn truncate_and_escape(mut text: String) -> String {
    const MOST: usize = 80;
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push_str("...");
    }
    printable(&text)
}

/// Escapes text from a file for printing. Control characters (such as terminal escape sequences),
/// invisible characters and text-direction marks become escapes like `\u{1b}`. Quotes and
/// backslashes are kept.
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
        assert_eq!(truncate_and_escape("\u{1b}".repeat(99)), "\\u{1b}".repeat(80) + "...");
    }
}
