//! Saving a trainer in a checkpoint, and restoring it.

use std::panic::catch_unwind;

use burn::{optim::OptimizerRecord, tensor::Bytes};

use super::Trainer;
use crate::train::{
    TrainError,
    checkpoint::Checkpoint,
    learner::{optimizer, optimizer_tensors},
};

impl Trainer {
    /// Serializes the trainer. A [restored](Self::restore) trainer reaches the same weights as this one.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if the optimizer cannot be serialized.
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        let optimizer =
            self.learner.optimizer.into_bytes().map_err(|error| TrainError::Checkpoint(error.to_string()))?;
        Checkpoint {
            config: self.config.clone(),
            targets: self.targets.clone(),
            iteration: self.iteration,
            attempt: self.attempt,
            round: self.round,
            is_worst_in_fragments: self.is_worst_in_fragments,
            recent_loss: self.recent_loss,
            seconds: self.seconds(),
            weights: self.learner.network.weights(),
            averaged: self.learner.averaged.clone(),
            optimizer: optimizer.to_vec(),
            pool: self.pool.clone(),
        }
        .to_bytes()
    }

    /// Restores a trainer from a [checkpoint](Self::checkpoint).
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if the checkpoint is damaged, and those of [`Trainer::new`].
    pub fn restore(bytes: &[u8]) -> Result<Self, TrainError> {
        let Checkpoint {
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
            optimizer: record,
            pool,
        } = Checkpoint::from_bytes(bytes)?;
        let mut trainer = Self::assemble(config, targets, weights, pool)?;
        trainer.learner.averaged = averaged;
        if iteration > 0 {
            let expected = optimizer_tensors(&trainer.rule);
            // burn panics on a record that does not fit.
            let restored = catch_unwind(|| {
                let record =
                    OptimizerRecord::from_bytes(Bytes::from_bytes_vec(record)).map_err(|error| error.to_string())?;
                let found = record.len();
                if found != expected {
                    return Err(format!("expected {expected}, found {found} tensors"));
                }
                Ok(optimizer().load_record(record))
            });
            let restored = restored.unwrap_or_else(|_| Err("it does not fit the weights".to_owned()));
            trainer.learner.optimizer =
                restored.map_err(|error| TrainError::Checkpoint(format!("the optimizer's record: {error}")))?;
        }
        (trainer.iteration, trainer.attempt, trainer.round) = (iteration, attempt, round);
        trainer.is_worst_in_fragments = is_worst_in_fragments;
        trainer.recent_loss = recent_loss;
        trainer.spent = seconds;
        Ok(trainer)
    }
}
