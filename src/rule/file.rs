//! The `.nca` file: safetensors with the rule as JSON in its metadata.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read, Write},
    path::Path,
};

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde_json::{Map, Value};

use super::{Model, ModelError, ModelErrorKind, Rule, State, Target, Weights, error::truncate_and_escape};

/// The metadata key of the rule.
const KEY: &str = "nca";

impl Model {
    /// The maximum size of a file in bytes. The largest weights (twice 161 KiB) and target (4 MiB) need
    /// less, with room for the header.
    pub const MAX_BYTES: u64 = 16 << 20;

    /// Reads a `.nca` file. Allocates memory only for bytes that the file contains.
    ///
    /// # Errors
    /// See [`ModelErrorKind`]. The error names the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let read = || {
            // Do not trust the reported length: a device or pipe has none.
            let mut bytes = Vec::new();
            fs::File::open(path)?.take(Self::MAX_BYTES + 1).read_to_end(&mut bytes)?;
            Self::from_bytes(&bytes)
        };
        read().map_err(|kind| kind.in_file(path))
    }

    /// Reads a model from the bytes of a `.nca` file.
    ///
    /// # Errors
    /// See [`ModelErrorKind`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelErrorKind> {
        if bytes.len() as u64 > Self::MAX_BYTES {
            return Err(ModelErrorKind::TooLarge { limit: Self::MAX_BYTES });
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(ModelErrorKind::Header)?;
        let rule = rule(header.metadata().as_ref())?;
        let tensors = SafeTensors::deserialize(bytes).map_err(ModelErrorKind::Header)?;

        let table = |[hidden_weight, hidden_bias, output_weight, output_bias]: [&'static str; 4]| {
            let [first, second, third, fourth] = Weights::shapes(&rule);
            Ok::<_, ModelErrorKind>(Weights {
                hidden_weight: floats(&tensors, hidden_weight, first)?,
                hidden_bias: floats(&tensors, hidden_bias, second)?,
                output_weight: floats(&tensors, output_weight, third)?,
                output_bias: floats(&tensors, output_bias, fourth)?,
            })
        };
        let weights = table(Weights::NAMES)?;
        let overgrowth = rule.overgrowth.as_ref().map(|_| table(Weights::OVERGROWTH_NAMES)).transpose()?;
        let target = match tensors.tensor("target") {
            Ok(view) => Some(target(&view)?),
            Err(_) => None,
        };
        Self::with_tables(rule, weights, overgrowth, target)
    }

    /// Serializes the model as a `.nca` file with f32 weights. The same model always gives the same bytes.
    ///
    /// # Errors
    /// [`ModelErrorKind::Header`] if a tensor does not serialize, which does not happen for a
    /// validated model.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelErrorKind> {
        let json = serde_json::to_string(self.rule())
            .map_err(|error| ModelErrorKind::Header(SafeTensorError::JsonError(error)))?;
        let mut views = Vec::new();
        let overgrowth = self.overgrowth().map(|weights| (Weights::OVERGROWTH_NAMES, weights));
        for (names, weights) in [(Weights::NAMES, self.weights())].into_iter().chain(overgrowth) {
            let shapes = Weights::shapes(self.rule());
            for ((name, data), shape) in names.into_iter().zip(weights.tensors()).zip(shapes) {
                let view =
                    TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(data)).map_err(ModelErrorKind::Header)?;
                views.push((name, view));
            }
        }
        if let Some(Target { width, height, rgba }) = self.target() {
            let view = TensorView::new(Dtype::U8, vec![*height, *width, 4], rgba).map_err(ModelErrorKind::Header)?;
            views.push(("target", view));
        }
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        safetensors::serialize(views, Some(metadata)).map_err(ModelErrorKind::Header)
    }

    /// Writes a `.nca` file atomically: a reader sees either the whole old file or the whole new file.
    ///
    /// # Errors
    /// [`ModelErrorKind::Io`]. The error names the file.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ModelError> {
        let path = path.as_ref();
        let write = || Ok(write_atomic(path, &self.to_bytes()?)?);
        write().map_err(|kind: ModelErrorKind| kind.in_file(path))
    }
}

impl State {
    /// Writes the cells to a safetensors file, atomically, as the tensor `state`:
    /// `[height, width, channels]` f32.
    ///
    /// # Errors
    /// [`ModelErrorKind::Io`]. The error names the file.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ModelError> {
        let path = path.as_ref();
        let write = || {
            let shape = vec![self.height(), self.width(), self.channels()];
            let view = TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(self.values()))
                .map_err(ModelErrorKind::Header)?;
            let bytes = safetensors::serialize([("state", view)], None).map_err(ModelErrorKind::Header)?;
            Ok(write_atomic(path, &bytes)?)
        };
        write().map_err(|kind: ModelErrorKind| kind.in_file(path))
    }
}

/// Writes a file atomically: a reader sees either the whole old file or the whole new file. The new
/// file keeps the permissions of the old one. If `path` is a symbolic link, the file it points to
/// is replaced.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let resolved = fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Use the same folder, because a rename cannot cross file systems.
    #[cfg(not(unix))]
    let mut file = tempfile::Builder::new().tempfile_in(folder)?;
    // Temporary files are private by default. Give this one ordinary permissions, subject to the umask.
    #[cfg(unix)]
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)?;
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn rule(metadata: Option<&HashMap<String, String>>) -> Result<Rule, ModelErrorKind> {
    let Some(json) = metadata.and_then(|metadata| metadata.get(KEY)) else {
        return Err(ModelErrorKind::Metadata { found: "nothing".into() });
    };
    let object: Map<String, Value> = serde_json::from_str(json)
        .map_err(|_| ModelErrorKind::Metadata { found: truncate_and_escape(json.clone()) })?;
    Rule::try_from(object)
}

fn floats(tensors: &SafeTensors, tensor: &'static str, expected: Vec<usize>) -> Result<Vec<f32>, ModelErrorKind> {
    let Ok(view) = tensors.tensor(tensor) else {
        return Err(ModelErrorKind::MissingTensor { tensor, expected });
    };
    if view.shape() != expected {
        // A malicious file may declare millions of dimensions.
        let found = view.shape().iter().copied().take(8).collect();
        return Err(ModelErrorKind::Shape { tensor, found, expected: format!("{expected:?}") });
    }
    match view.dtype() {
        Dtype::F32 => Ok(view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Dtype::F16 => {
            Ok(view.data().as_chunks().0.iter().map(|&bytes| half::f16::from_le_bytes(bytes).to_f32()).collect())
        }
        found => Err(ModelErrorKind::Dtype { tensor, found, expected: "F32 or F16" }),
    }
}

fn target(view: &TensorView) -> Result<Target, ModelErrorKind> {
    let tensor = "target";
    if view.dtype() != Dtype::U8 {
        return Err(ModelErrorKind::Dtype { tensor, found: view.dtype(), expected: "U8" });
    }
    match *view.shape() {
        [height, width, 4] => Ok(Target { width, height, rgba: view.data().to_vec() }),
        _ => Err(ModelErrorKind::Shape {
            tensor,
            found: view.shape().iter().copied().take(8).collect(),
            expected: "[height, width, 4]".into(),
        }),
    }
}
