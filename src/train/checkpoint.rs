//! Checkpoints: a training run as one safetensors file.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::{TrainConfig, TrainError, pool::Sample};
use crate::rule::{FNV_START, Target, Weights, fnv1a, targets, truncate_and_escape};

const KEY: &str = "nca_checkpoint";
const VERSION: u32 = 3;
const CHECKSUM: &str = "nca_checksum";
const AVERAGED: [&str; 5] = [
    "averaged.hidden.weight",
    "averaged.hidden.bias",
    "averaged.output.weight",
    "averaged.output.bias",
    "averaged.forms.bias",
];

/// The state that resumes a trainer.
pub(super) struct Checkpoint {
    pub config: TrainConfig,
    pub targets: Vec<Target>,
    pub iteration: u32,
    pub attempt: u32,
    pub round: u32,
    pub is_worst_in_fragments: bool,
    pub recent_loss: f32,
    pub seconds: f64,
    pub weights: Weights,
    /// The moving average of the weights.
    pub averaged: Weights,
    /// The optimizer's record in burn's format.
    pub optimizer: Vec<u8>,
    pub pool: Vec<Sample>,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    version: u32,
    config: TrainConfig,
    iteration: u32,
    #[serde(default)]
    attempt: u32,
    round: u32,
    #[serde(default)]
    is_worst_in_fragments: bool,
    /// `None` for infinity, which JSON cannot represent.
    #[serde(default)]
    recent_loss: Option<f32>,
    seconds: f64,
}

impl Checkpoint {
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let metadata = Metadata {
            version: VERSION,
            config: self.config.clone(),
            iteration: self.iteration,
            attempt: self.attempt,
            round: self.round,
            is_worst_in_fragments: self.is_worst_in_fragments,
            recent_loss: self.recent_loss.is_finite().then_some(self.recent_loss),
            seconds: self.seconds,
        };
        let json = serde_json::to_string(&metadata).map_err(bad)?;
        let lengths: Vec<u32> = self.pool.iter().map(|sample| sample.cells.len() as u32).collect();
        let cells: Vec<u32> = self.pool.iter().flat_map(|sample| &sample.cells).copied().collect();
        let values: Vec<f32> = self.pool.iter().flat_map(|sample| &sample.values).copied().collect();
        let shifts: Vec<[i32; 2]> = self.pool.iter().map(|sample| sample.shift).collect();
        let mut views = Vec::new();
        let mut add = |name: &'static str, dtype: Dtype, shape: Vec<usize>, data| {
            TensorView::new(dtype, shape, data).map(|view| views.push((name, view))).map_err(bad)
        };
        for (names, weights) in [(Weights::NAMES, &self.weights), (AVERAGED, &self.averaged)] {
            for (name, tensor) in names.into_iter().zip(weights.tensors()).filter(|(_, tensor)| !tensor.is_empty()) {
                add(name, Dtype::F32, vec![tensor.len()], bytemuck::cast_slice(tensor))?;
            }
        }
        let forms: Vec<u32> = self.pool.iter().map(|sample| sample.form as u32).collect();
        let pixels = self.targets.iter().flat_map(|target| &target.rgba).copied().collect::<Vec<u8>>();
        if let Some(Target { width, height, .. }) = self.targets.first() {
            let shape = Some(self.config.forms.len()).filter(|forms| *forms > 0);
            let shape = shape.into_iter().chain([*height, *width, 4]).collect();
            add("target", Dtype::U8, shape, &pixels)?;
        }
        if !self.config.forms.is_empty() {
            add("pool.forms", Dtype::U32, vec![forms.len()], bytemuck::cast_slice(&forms))?;
        }
        add("optimizer", Dtype::U8, vec![self.optimizer.len()], &self.optimizer)?;
        add("pool.lengths", Dtype::U32, vec![lengths.len()], bytemuck::cast_slice(&lengths))?;
        add("pool.cells", Dtype::U32, vec![cells.len()], bytemuck::cast_slice(&cells))?;
        add("pool.values", Dtype::F32, vec![values.len()], bytemuck::cast_slice(&values))?;
        add("pool.shifts", Dtype::I32, vec![shifts.len(), 2], bytemuck::cast_slice(&shifts))?;
        let checksum = checksum(&json, views.iter().map(|(name, view)| (*name, view.data())));
        let metadata = HashMap::from([(KEY.to_owned(), json), (CHECKSUM.to_owned(), checksum)]);
        safetensors::serialize(views, Some(metadata)).map_err(bad)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(bad)?;
        let json = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let json = json.ok_or_else(|| TrainError::Checkpoint(format!("found no metadata key `{KEY}`")))?;
        let Metadata { version, config, iteration, attempt, round, is_worst_in_fragments, recent_loss, seconds } =
            serde_json::from_str(json).map_err(bad)?;
        if version != VERSION {
            return Err(TrainError::Checkpoint(format!("expected version {VERSION}, found {version}")));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(bad)?;
        // The earliest checkpoints have no checksum.
        if let Some(expected) = header.metadata().as_ref().and_then(|metadata| metadata.get(CHECKSUM)) {
            let views = tensors.tensors();
            let found = checksum(json, views.iter().map(|(name, view)| (name.as_str(), view.data())));
            if found != *expected {
                return Err(TrainError::Checkpoint(format!(
                    "expected the checksum {}, found {found}: it is damaged",
                    truncate_and_escape(expected.clone())
                )));
            }
        }
        let tensor = |name: &str, dtype: Dtype| match tensors.tensor(name) {
            Ok(view) if view.dtype() == dtype => Ok(view),
            Ok(view) => {
                Err(TrainError::Checkpoint(format!("tensor `{name}`: expected {dtype:?}, found {:?}", view.dtype())))
            }
            Err(_) => Err(TrainError::Checkpoint(format!("tensor `{name}`: missing"))),
        };
        let floats = |name| Ok::<_, TrainError>(words(tensor(name, Dtype::F32)?.data()).map(f32::from_bits).collect());
        let weights = |names: [&'static str; 5]| {
            let [hidden_weight, hidden_bias, output_weight, output_bias, form_bias] = names;
            Ok::<_, TrainError>(Weights {
                hidden_weight: floats(hidden_weight)?,
                hidden_bias: floats(hidden_bias)?,
                output_weight: floats(output_weight)?,
                output_bias: floats(output_bias)?,
                // A rule without forms has none.
                form_bias: if tensors.tensor(form_bias).is_ok() { floats(form_bias)? } else { Vec::new() },
            })
        };
        let (weights, averaged) = (weights(Weights::NAMES)?, weights(AVERAGED)?);
        let view = tensor("target", Dtype::U8)?;
        let targets = targets(&view, config.forms.len()).map_err(bad)?;
        let rule = config.rule_of(&targets)?;
        let shapes = Weights::shapes(&rule);
        for weights in [&weights, &averaged] {
            for ((tensor, shape), name) in weights.tensors().into_iter().zip(&shapes).zip(Weights::NAMES) {
                let found = tensor.len();
                if found != shape.iter().product::<usize>() || tensor.iter().any(|weight| !weight.is_finite()) {
                    let expected = format!("finite ones of shape {shape:?}");
                    return Err(TrainError::Checkpoint(format!(
                        "tensor `{name}`: expected {expected}, found {found} values"
                    )));
                }
            }
        }
        let all: Vec<u32> = words(tensor("pool.cells", Dtype::U32)?.data()).collect();
        let values: Vec<f32> = floats("pool.values")?;
        let [width, height] = TrainConfig::training_grid(&rule).map(|side| side as u32);
        let count = width * height;
        let shifts: Vec<i32> = words(tensor("pool.shifts", Dtype::I32)?.data()).map(u32::cast_signed).collect();
        let mut shifts = shifts.as_chunks::<2>().0.iter();
        let forms: Vec<u32> = match config.forms.len() {
            0 => vec![0; config.pool],
            _ => words(tensor("pool.forms", Dtype::U32)?.data()).collect(),
        };
        let mut forms = forms.into_iter().map(|form| form as usize).filter(|form| *form < targets.len());
        let (mut rest, mut rest_values) = (&all[..], &values[..]);
        let mut pool = Vec::new();
        for length in words(tensor("pool.lengths", Dtype::U32)?.data()) {
            let length = length as usize;
            let split =
                rest.split_at_checked(length).zip(rest_values.split_at_checked(length.saturating_mul(rule.channels)));
            let split = split.filter(|((cells, _), _)| cells.iter().all(|cell| *cell < count));
            let (Some(((cells, more), (values, more_values))), Some(&shift), Some(form)) =
                (split, shifts.next(), forms.next())
            else {
                return Err(TrainError::Checkpoint("the pool does not fit the config".to_owned()));
            };
            pool.push(Sample { cells: cells.to_vec(), values: values.to_vec(), shift, form });
            (rest, rest_values) = (more, more_values);
        }
        if !rest.is_empty()
            || !rest_values.is_empty()
            || shifts.next().is_some()
            || values.iter().any(|value| !value.is_finite())
        {
            return Err(TrainError::Checkpoint("the pool is not whole".to_owned()));
        }
        if pool.len() != config.pool {
            return Err(TrainError::Checkpoint(format!(
                "expected {} samples in the pool, found {}",
                config.pool,
                pool.len()
            )));
        }
        if round >= config.rounds {
            return Err(TrainError::Checkpoint(format!("expected at most {} rounds, found {round}", config.rounds)));
        }
        let optimizer = tensor("optimizer", Dtype::U8)?.data().to_vec();
        let recent_loss = recent_loss.unwrap_or(f32::INFINITY);
        Ok(Self {
            config,
            targets,
            iteration,
            attempt,
            round,
            is_worst_in_fragments,
            recent_loss,
            seconds,
            weights,
            averaged,
            optimizer,
            pool,
        })
    }
}

/// A hash of the metadata, the tensor names and the tensor bytes. It does not depend on the order of the tensors.
fn checksum<'a>(json: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let hash = |hash, bytes: &[u8]| fnv1a(hash, bytes.iter().copied());
    let tensors = tensors.map(|(name, bytes)| hash(hash(FNV_START, name.as_bytes()), bytes));
    format!("{:016x}", tensors.fold(hash(FNV_START, json.as_bytes()), u64::wrapping_add))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word))
}

fn bad(error: impl std::fmt::Display) -> TrainError {
    TrainError::Checkpoint(truncate_and_escape(error.to_string()))
}
