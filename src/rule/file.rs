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

        let table = |names: [&'static str; 5]| {
            let mut weights = Weights::default();
            let Weights { hidden_weight, hidden_bias, output_weight, output_bias, form_bias } = &mut weights;
            let data = [hidden_weight, hidden_bias, output_weight, output_bias, form_bias];
            for ((name, shape), data) in names.into_iter().zip(Weights::shapes(&rule)).zip(data) {
                // A rule without forms has no biases for them.
                if !shape.contains(&0) {
                    *data = floats(&tensors, name, shape)?;
                }
            }
            Ok::<_, ModelErrorKind>(weights)
        };
        let weights = table(Weights::NAMES)?;
        let overgrowth = rule.overgrowth.as_ref().map(|_| table(Weights::OVERGROWTH_NAMES)).transpose()?;
        let targets = match tensors.tensor("target") {
            Ok(view) => targets(&view, rule.forms.len())?,
            Err(_) => Vec::new(),
        };
        Self::with_tables(rule, weights, overgrowth, targets)
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
            let tensors = names.into_iter().zip(weights.tensors()).zip(shapes);
            for ((name, data), shape) in tensors.filter(|(_, shape)| !shape.contains(&0)) {
                let view =
                    TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(data)).map_err(ModelErrorKind::Header)?;
                views.push((name, view));
            }
        }
        let pixels = self.targets().iter().flat_map(|target| &target.rgba).copied().collect::<Vec<u8>>();
        if let Some(Target { width, height, .. }) = self.target() {
            let forms = Some(self.rule().forms.len()).filter(|forms| *forms > 0);
            let shape = forms.into_iter().chain([*height, *width, 4]).collect();
            views.push(("target", TensorView::new(Dtype::U8, shape, &pixels).map_err(ModelErrorKind::Header)?));
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

/// The pictures of a model with this many forms.
pub(crate) fn targets(view: &TensorView, forms: usize) -> Result<Vec<Target>, ModelErrorKind> {
    let tensor = "target";
    if view.dtype() != Dtype::U8 {
        return Err(ModelErrorKind::Dtype { tensor, found: view.dtype(), expected: "U8" });
    }
    let (height, width) = match (forms, view.shape()) {
        (0, &[height, width, 4]) => (height, width),
        (1.., &[count, height, width, 4]) if count == forms => (height, width),
        _ => {
            let found = view.shape().iter().copied().take(8).collect();
            let expected =
                if forms == 0 { "[height, width, 4]".into() } else { format!("[{forms}, height, width, 4]") };
            return Err(ModelErrorKind::Shape { tensor, found, expected });
        }
    };
    let count = forms.max(1);
    // An empty picture is refused later, with the size of the grid.
    let bytes = (view.data().len() / count).max(1);
    let mut pictures = view.data().chunks_exact(bytes);
    let target = |_| Target { width, height, rgba: pictures.next().unwrap_or_default().to_vec() };
    Ok((0..count).map(target).collect())
}
