//! Training is bit-identical on any number of threads and across interruptions, and it learns.

use bevy_nca::{
    rule::{Model, Target, Weights},
    scorecard::{Scorecard, Test, Wound},
    train::{Budget, Ending, Mode, Run, TrainConfig, TrainDevice, TrainError, Trainer},
};
use std::{ops::ControlFlow, path::Path};

/// A disc with a lighter upper half.
pub fn picture(side: usize) -> Target {
    let pixel = |index: usize| {
        let (x, y) = ((index % side) as f32 + 0.5, (index / side) as f32 + 0.5);
        let half = side as f32 / 2.0;
        let inside = (x - half).hypot(y - half) < half;
        let color = if y < half { [230, 90, 60] } else { [120, 20, 90] };
        if inside { [color[0], color[1], color[2], 255] } else { [0; 4] }
    };
    Target { width: side, height: side, rgba: (0..side * side).flat_map(pixel).collect() }
}

pub fn config(iterations: u32) -> TrainConfig {
    TrainConfig {
        padding: 3,
        channels: 8,
        hidden: 16,
        budget: Budget::Iterations(iterations),
        rounds: 1,
        warm_start: false,
        batch: 4,
        pool: 12,
        ticks: Some([8, 12]),
        wounded: 1,
        wounds_from: Some(0.3),
        early_stop: false,
        checkpoint_every: 4,
        preview_every: 10,
        score_every: 10,
        ..TrainConfig::default()
    }
}

fn train(trainer: &mut Trainer, steps: u32) -> Weights {
    for _ in 0..steps {
        trainer.step().unwrap();
    }
    trainer.model().unwrap().weights().clone()
}

/// Only a body of coordinates with the default network starts from the weights of the slime.
#[test]
fn a_warm_start_has_the_weights_of_the_slime() {
    let target = || Target { width: 6, height: 6, rgba: [200, 30, 30, 255].repeat(36) };
    let slime = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca")).unwrap();
    let warm = |config: TrainConfig| {
        let trainer = Trainer::new(config, target()).unwrap();
        let is_slime = trainer.model().unwrap().weights() == slime.weights();
        assert_eq!(trainer.config().is_warm(), is_slime);
        is_slime
    };
    let config = TrainConfig::default();
    assert!(warm(config.clone()));
    assert!(!warm(TrainConfig { warm_start: false, ..config.clone() }));
    assert!(!warm(TrainConfig { hidden: 32, ..config.clone() }));
    assert!(!warm(TrainConfig { mode: Mode::Grow, ..config }));
    assert!(!warm(TrainConfig::colors()));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&mut Trainer::new(config(10), picture(8)).unwrap(), 8))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn a_restored_trainer_goes_on_to_the_same_bits() {
    for mode in [Mode::Grow, Mode::Regenerate] {
        let config = TrainConfig { mode, ..config(12) };
        let whole = train(&mut Trainer::new(config.clone(), picture(8)).unwrap(), 12);
        let mut first = Trainer::new(config, picture(8)).unwrap();
        let halfway = train(&mut first, 7);
        let mut second = Trainer::restore(&first.checkpoint().unwrap()).unwrap();
        assert_eq!(second.model().unwrap().weights(), &halfway);
        assert_eq!(second.iteration(), 7);
        assert_eq!(train(&mut second, 5), whole);
    }
}

/// A run that does not pass continues for as many rounds as its config allows, at half the learning rate each. A resumed
/// run goes on in the same round.
#[test]
fn a_run_that_does_not_pass_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig { rounds: 3, learning_rate: Some([1e-3, 0.0]), ..config(6) };
    let rates = |run: &mut Run, until: u32| {
        let mut rates = Vec::new();
        let ending = run.train(|progress| {
            rates.push((progress.trainer.round(), progress.step.learning_rate));
            if progress.step.iteration == until { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (ending.unwrap(), rates)
    };
    let mut whole = Run::create(folder.path().join("whole.run"), config.clone(), picture(8)).unwrap();
    let (ending, steps) = rates(&mut whole, 100);
    assert_eq!((ending, steps.len(), whole.trainer().round()), (Ending::Complete, 18, 2));
    for (index, (round, rate)) in steps.iter().enumerate() {
        let halved = steps[index % 6].1 * 0.5f64.powi(*round as i32);
        assert!(*round as usize == index / 6 && (rate - halved).abs() < 1e-12, "{index}: {round}, {rate}");
    }
    let mut cut = Run::create(folder.path().join("cut.run"), config, picture(8)).unwrap();
    assert_eq!(rates(&mut cut, 9).0, Ending::Interrupted);
    drop(cut);
    let mut cut = Run::resume(folder.path().join("cut.run")).unwrap();
    assert_eq!(rates(&mut cut, 100), (Ending::Complete, steps[9..].to_vec()));
    assert_eq!(cut.trainer().model().unwrap(), whole.trainer().model().unwrap());
    // A new total budget is one round.
    whole.extend(Budget::Iterations(20)).unwrap();
    assert_eq!(rates(&mut whole, 100).1.len(), 2);
}

#[test]
fn a_broken_checkpoint_is_refused() {
    let checkpoint = Trainer::new(config(10), picture(8)).unwrap().checkpoint().unwrap();
    for length in [0, 7, 100, checkpoint.len() / 2, checkpoint.len() - 1] {
        assert!(matches!(Trainer::restore(&checkpoint[..length]), Err(TrainError::Checkpoint(_))), "{length}");
    }
}

/// Damage anywhere in the data is an error, not a panic.
#[test]
fn a_damaged_checkpoint_is_refused() {
    let mut trainer = Trainer::new(config(10), picture(8)).unwrap();
    train(&mut trainer, 3);
    let checkpoint = trainer.checkpoint().unwrap();
    assert!(Trainer::restore(&checkpoint).is_ok());
    let header = 8 + u64::from_le_bytes(checkpoint[..8].try_into().unwrap()) as usize;
    for part in 0..40 {
        let mut damaged = checkpoint.clone();
        damaged[header + (checkpoint.len() - header - 1) * part / 39] ^= 0x55;
        let error = Trainer::restore(&damaged).err().expect("damage is found");
        assert!(matches!(&error, TrainError::Checkpoint(what) if what.contains("damaged")), "{error}");
    }
    // A checkpoint without a checksum may hold an optimizer record without momentum, or an invalid one.
    let rewritten = |optimizer: &[u8]| {
        let tensors = safetensors::SafeTensors::deserialize(&checkpoint).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&checkpoint).unwrap();
        let mut metadata = header.metadata().clone().unwrap();
        metadata.remove("nca_checksum");
        let views = tensors.tensors().into_iter().map(|(name, view)| match name.as_str() {
            "optimizer" => {
                (name, safetensors::tensor::TensorView::new(view.dtype(), vec![optimizer.len()], optimizer).unwrap())
            }
            _ => (name, view),
        });
        safetensors::serialize(views, Some(metadata)).unwrap()
    };
    let record =
        safetensors::SafeTensors::deserialize(&checkpoint).unwrap().tensor("optimizer").unwrap().data().to_vec();
    assert!(Trainer::restore(&rewritten(&record)).is_ok(), "the first checkpoints had no checksum");
    let empty = Trainer::new(config(10), picture(8)).unwrap().checkpoint().unwrap();
    let empty = safetensors::SafeTensors::deserialize(&empty).unwrap().tensor("optimizer").unwrap().data().to_vec();
    for bad in [&empty[..], &[], &record[..record.len() - 9], &[7; 400]] {
        let error = Trainer::restore(&rewritten(bad)).err().expect("a bad record is refused");
        assert!(matches!(&error, TrainError::Checkpoint(what) if what.contains("optimizer")), "{error}");
    }
    for at in (0..record.len()).step_by(record.len() / 60 + 1) {
        let mut bad = record.clone();
        bad[at] ^= 0xFF;
        // It may succeed or fail, but it must not panic.
        drop(Trainer::restore(&rewritten(&bad)));
    }
}

#[test]
fn what_never_grows_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    // A learning rate this small learns nothing.
    let stuck = TrainConfig { learning_rate: Some([1e-12, 1e-12]), batch: 1, wounded: 0, ..config(100_000) };
    let no_scores = TrainConfig { score_every: 1_000_000, ..stuck.clone() };
    let mut run = Run::create(folder.path().join("stuck.run"), no_scores, picture(8)).unwrap();
    let mut restarted = Vec::new();
    let error = run.train(|progress| {
        if progress.restarted {
            restarted.push((progress.step.iteration, progress.trainer.iteration(), progress.trainer.attempt()));
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(TrainError::NeverGrows { attempts: 4 })), "{error:?}");
    assert_eq!(restarted, [(400, 0, 1), (400, 0, 2), (400, 0, 3)]);
    // A run that is killed after a restart keeps the best model of the attempt before.
    let cut = folder.path().join("cut.run");
    let mut run = Run::create(&cut, TrainConfig { score_every: 300, ..stuck }, picture(8)).unwrap();
    let ending = run.train(|progress| match progress.restarted {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    assert_eq!((ending.unwrap(), run.trainer().attempt()), (Ending::Interrupted, 1));
    let best = run.best().unwrap().model.clone();
    drop(run);
    assert_eq!(Run::resume(&cut).unwrap().best().unwrap().model, best);
    // A new attempt has new weights, and a resumed one keeps them.
    let mut trainer = Trainer::new(self::config(10), picture(8)).unwrap();
    let first = trainer.model().unwrap();
    trainer.restart().unwrap();
    assert_ne!(trainer.model().unwrap().weights(), first.weights());
    train(&mut trainer, 2);
    let mut resumed = Trainer::restore(&trainer.checkpoint().unwrap()).unwrap();
    assert_eq!(resumed.attempt(), 1);
    assert_eq!(train(&mut resumed, 3), train(&mut trainer, 3));
}

/// Training from a model starts with its weights: on its own picture, the first loss is already low.
#[test]
fn a_model_is_a_beginning() {
    let model = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca")).unwrap();
    let target = model.target().unwrap().clone();
    // Start all samples from the seed and run them about as long as the slime takes to grow.
    let config = TrainConfig { ticks: Some([90, 96]), warm_up: 0.0, mode: Mode::Grow, ..config(10) };
    let mut trainer = Trainer::from_model(config.clone(), target.clone(), &model).unwrap();
    assert_eq!(trainer.model().unwrap().weights(), model.weights());
    assert_eq!((trainer.config().channels, trainer.config().hidden), (model.rule().channels, model.rule().hidden));
    let loss = trainer.step().unwrap().loss;
    let nothing = Trainer::new(config, target).unwrap().step().unwrap().loss;
    assert!(loss < 0.01 * nothing, "{loss}, {nothing}");
}

/// With a time budget, a resumed run does not repeat the steps after its last checkpoint, so the best model is kept.
#[test]
fn a_run_by_the_clock_keeps_its_best_model_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let killed = folder.path().join("killed.run");
    let by_the_clock = TrainConfig {
        budget: Budget::Minutes(60.0),
        checkpoint_every: 1000,
        score_every: 5,
        early_stop: false,
        ..config(10)
    };
    let mut run = Run::create(&killed, by_the_clock, picture(8)).unwrap();
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run.train(|progress| if progress.step.iteration == 7 { panic!("killed") } else { ControlFlow::Continue(()) })
    }));
    assert!(died.is_err());
    let best = run.best().unwrap().model.clone();
    drop(run);
    let run = Run::resume(&killed).unwrap();
    assert_eq!(run.trainer().iteration(), 0);
    assert_eq!(run.best().unwrap().model, best);
}

/// Replacing a file keeps its permissions and the symbolic links to it.
#[cfg(unix)]
#[test]
fn what_is_replaced_keeps_its_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("secret.nca"), folder.path().join("link.nca"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&file, &link).unwrap();
    let model = Trainer::new(config(10), picture(8)).unwrap().model().unwrap();
    model.write(&link).unwrap();
    assert_eq!(Model::read(&file).unwrap(), model);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
}

fn files(folder: &Path) -> [Vec<u8>; 2] {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    [std::fs::read(folder.join("best.nca")).unwrap(), text.into_bytes()]
}

#[test]
fn a_run_that_was_killed_ends_as_if_it_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
    let mut run = Run::create(&whole, config(25), picture(8)).unwrap();
    assert_eq!(run.train(|_| ControlFlow::Continue(())).unwrap(), Ending::Complete);
    for file in ["config.json", "loss.svg", "final.gif", "previews/000010.png", "previews/000025.png"] {
        assert!(whole.join(file).exists(), "{file}");
    }
    assert!(matches!(Run::resume(&whole), Err(TrainError::Locked(_))));
    drop(run);
    assert!(matches!(Run::create(&whole, config(25), picture(8)), Err(TrainError::Occupied(_))));

    // Killed between two checkpoints: the steps after the last one are lost.
    let mut run = Run::create(&killed, config(25), picture(8)).unwrap();
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run.train(|progress| if progress.step.iteration == 14 { panic!("killed") } else { ControlFlow::Continue(()) })
    }));
    assert!(died.is_err());
    // Copy the files now, because nothing is flushed when a process is killed.
    let left = folder.path().join("left");
    std::fs::create_dir(&left).unwrap();
    for file in ["checkpoint.safetensors", "best.nca", "metrics.jsonl"] {
        std::fs::copy(killed.join(file), left.join(file)).unwrap();
    }
    let mut run = Run::resume(&left).unwrap();
    assert_eq!(run.trainer().iteration(), 12);
    // Interrupt it again, this time cleanly.
    let stop = |at| {
        move |progress: bevy_nca::train::Progress| {
            if progress.step.iteration == at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    };
    assert_eq!(run.train(stop(19)).unwrap(), Ending::Interrupted);
    drop(run);
    let mut run = Run::resume(&left).unwrap();
    assert_eq!(run.trainer().iteration(), 19);
    assert_eq!(run.train(|_| ControlFlow::Continue(())).unwrap(), Ending::Complete);
    assert_eq!(files(&whole), files(&left));
    assert!(Run::resume(folder.path().join("nowhere")).is_err());
}

#[test]
fn it_learns_to_grow_and_to_heal() {
    let config = TrainConfig { hidden: 64, channels: 16, ticks: Some([32, 48]), pool: 64, ..config(1200) };
    let mut trainer = Trainer::new(config, picture(8)).unwrap();
    let first = trainer.step().unwrap().loss;
    train(&mut trainer, 1199);
    let scorecard = Scorecard::of(&trainer.model().unwrap(), trainer.target());
    let error = |test| scorecard.entries.iter().find(|entry| entry.test == test).unwrap().worst;
    assert!(first > 0.03, "at first there is nothing: {first}");
    assert!(error(Test::Grown(200)) < 0.01, "{scorecard:?}");
    assert!(error(Test::Repaired(Wound::Lower)) < 0.02, "{scorecard:?}");
}

#[test]
fn a_config_out_of_range_names_its_field() {
    type Edit = fn(&mut TrainConfig);
    let edits: [(&str, Edit); 12] = [
        ("budget", |c| c.budget = Budget::Minutes(f64::NAN)),
        ("batch", |c| c.batch = 0),
        ("pool", |c| c.pool = 3),
        ("ticks", |c| c.ticks = Some([9, 8])),
        ("warm_up", |c| c.warm_up = -1.0),
        ("wounded", |c| c.wounded = 5),
        ("seeds", |c| c.seeds = 1.5),
        ("learning_rate", |c| c.learning_rate = Some([f64::NAN, 0.0])),
        ("wounds_from", |c| c.wounds_from = Some(1.5)),
        ("rounds", |c| c.rounds = 0),
        ("score_every", |c| c.score_every = 0),
        ("padding", |c| c.padding = u32::MAX),
    ];
    for (name, edit) in edits {
        let mut config = config(10);
        edit(&mut config);
        match Trainer::new(config, picture(8)) {
            Err(TrainError::Config { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {:?}", other.err()),
        }
    }
    assert!(matches!(Trainer::new(TrainConfig { hidden: 17, ..config(10) }, picture(8)), Err(TrainError::Rule(_))));
    assert!(serde_json::from_str::<TrainConfig>(r#"{"itterations": 5}"#).is_err());
}

/// Whole training steps, with the optimizer: the fused operation on flex, and burn's own operations on ndarray.
#[test]
fn a_step_on_flex_and_on_ndarray_agree() {
    agrees_with_flex(TrainDevice::Ndarray, 1e-5);
}

#[test]
fn a_step_on_flex_and_on_wgpu_agree() {
    crate::support::on_the_gpu(|| agrees_with_flex(TrainDevice::Wgpu, 1e-4));
}

/// Compares the losses of the first two steps to a relative `bound`, and the output weights after them.
fn agrees_with_flex(device: TrainDevice, bound: f32) {
    let after = |device| {
        let mut trainer = Trainer::new(TrainConfig { device, ..config(10) }, picture(8)).unwrap();
        let steps: Vec<f32> = (0..2).map(|_| trainer.step().unwrap().loss).collect();
        (steps, trainer.model().unwrap().weights().clone())
    };
    let (flex, weights) = after(TrainDevice::Flex);
    let (other, others) = after(device);
    assert!(flex.iter().zip(&other).all(|(a, b)| (a - b).abs() < bound * a), "{flex:?} {other:?}");
    let pairs: Vec<(f32, f32)> = weights.output_weight.into_iter().zip(others.output_weight).collect();
    // Adam's first steps have the size of the learning rate, whatever the size of the gradient. Where the gradient
    // is only rounding error, the sign of the step is arbitrary.
    let apart = pairs.iter().filter(|(a, b)| (a - b).abs() > 1e-5).count();
    assert!(apart * 50 < pairs.len() && pairs.iter().any(|(a, _)| a.abs() > 1e-3), "{apart} of {}", pairs.len());
}
