//! The `.nca` file: safetensors with the rule as JSON in its metadata.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read, Write},
    path::Path,
};

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde_json::{Map, Value};

use super::{Model, ModelError, ModelErrorKind, Rule, State, Target, Weights, error::shorten};

/// The one metadata key.
const KEY: &str = "nca";

impl Model {
    /// Bytes that a file may have: more than the largest weights (640 KiB), target (4 MiB) and a generous header
    /// need.
    pub const MOST_BYTES: u64 = 16 << 20;

    /// Reads a `.nca` file.
    ///
    /// # Errors
    /// See [`ModelErrorKind`]; the error names the file. Memory is only taken for bytes that the
    /// file really has.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let read = || {
            // A length is only believed as far as bytes follow: a device or pipe has none.
            let mut bytes = Vec::new();
            fs::File::open(path)?.take(Self::MOST_BYTES + 1).read_to_end(&mut bytes)?;
            Self::from_bytes(&bytes)
        };
        read().map_err(|kind| kind.in_file(path))
    }

    /// Reads the bytes of a `.nca` file.
    ///
    /// # Errors
    /// See [`ModelErrorKind`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelErrorKind> {
        if bytes.len() as u64 > Self::MOST_BYTES {
            return Err(ModelErrorKind::TooLarge { limit: Self::MOST_BYTES });
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(ModelErrorKind::Header)?;
        let rule = rule(header.metadata().as_ref())?;
        let tensors = SafeTensors::deserialize(bytes).map_err(ModelErrorKind::Header)?;

        let mut parts = Vec::with_capacity(Weights::NAMES.len());
        for (name, shape) in Weights::NAMES.into_iter().zip(Weights::shapes(&rule)) {
            parts.push(floats(&tensors, name, shape)?);
        }
        let [hidden_weight, hidden_bias, output_weight, output_bias] = match <[_; 4]>::try_from(parts) {
            Ok(parts) => parts,
            Err(_) => unreachable!("one part a name"),
        };
        let weights = Weights { hidden_weight, hidden_bias, output_weight, output_bias };
        let target = match tensors.tensor("target") {
            Ok(view) => Some(target(&view)?),
            Err(_) => None,
        };
        Self::new(rule, weights, target)
    }

    /// The bytes of a `.nca` file, weights as f32. The same model gives the same bytes.
    ///
    /// # Errors
    /// [`ModelErrorKind::Header`] if a tensor does not serialize, which a checked model's does.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelErrorKind> {
        let json = serde_json::to_string(self.rule())
            .map_err(|error| ModelErrorKind::Header(SafeTensorError::JsonError(error)))?;
        let mut views = Vec::new();
        let shapes = Weights::shapes(self.rule());
        for ((name, data), shape) in Weights::NAMES.into_iter().zip(self.weights().tensors()).zip(shapes) {
            let view =
                TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(data)).map_err(ModelErrorKind::Header)?;
            views.push((name, view));
        }
        if let Some(Target { width, height, rgba }) = self.target() {
            let view = TensorView::new(Dtype::U8, vec![*height, *width, 4], rgba).map_err(ModelErrorKind::Header)?;
            views.push(("target", view));
        }
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        safetensors::serialize(views, Some(metadata)).map_err(ModelErrorKind::Header)
    }

    /// Writes a `.nca` file, atomically: a reader sees the old file or the new one, whole.
    ///
    /// # Errors
    /// [`ModelErrorKind::Io`], naming the file.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ModelError> {
        let path = path.as_ref();
        let write = || Ok(write_atomic(path, &self.to_bytes()?)?);
        write().map_err(|kind: ModelErrorKind| kind.in_file(path))
    }
}

impl State {
    /// Writes the cells to a safetensors file, atomically: the tensor `state`, `[height, width, channels]` f32.
    ///
    /// # Errors
    /// [`ModelErrorKind::Io`], naming the file.
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

/// Writes a file so that a reader sees the old one or the new one, whole. The new one has the permissions of the old
/// one, and a link goes on to lead to it.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let resolved = fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; this is an ordinary one, subject to the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // In the same folder, so that the rename stays within one file system.
    let mut file = builder.tempfile_in(folder)?;
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
    let object: Map<String, Value> =
        serde_json::from_str(json).map_err(|_| ModelErrorKind::Metadata { found: shorten(json.clone()) })?;
    Rule::try_from(object)
}

fn floats(tensors: &SafeTensors, tensor: &'static str, wanted: Vec<usize>) -> Result<Vec<f32>, ModelErrorKind> {
    let Ok(view) = tensors.tensor(tensor) else {
        return Err(ModelErrorKind::MissingTensor { tensor, wanted });
    };
    if view.shape() != wanted {
        // A hostile one may have millions of dimensions.
        let found = view.shape().iter().copied().take(8).collect();
        return Err(ModelErrorKind::Shape { tensor, found, wanted: format!("{wanted:?}") });
    }
    match view.dtype() {
        Dtype::F32 => Ok(view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Dtype::F16 => {
            Ok(view.data().as_chunks().0.iter().map(|&bytes| half::f16::from_le_bytes(bytes).to_f32()).collect())
        }
        found => Err(ModelErrorKind::Dtype { tensor, found, wanted: "F32 or F16" }),
    }
}

fn target(view: &TensorView) -> Result<Target, ModelErrorKind> {
    let tensor = "target";
    if view.dtype() != Dtype::U8 {
        return Err(ModelErrorKind::Dtype { tensor, found: view.dtype(), wanted: "U8" });
    }
    match *view.shape() {
        [height, width, 4] => Ok(Target { width, height, rgba: view.data().to_vec() }),
        _ => Err(ModelErrorKind::Shape {
            tensor,
            found: view.shape().iter().copied().take(8).collect(),
            wanted: "[height, width, 4]".into(),
        }),
    }
}
