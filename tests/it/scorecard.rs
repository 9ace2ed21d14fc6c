//! The scorecard tells good models from bad ones, and every model that is shipped passes.

use bevy_nca::{
    rule::{GenericBody, Model, Output, ReadOptions, Target},
    scorecard::{Cuts, Scorecard, Storm, Test},
};
use std::path::Path;

/// The scorecard of the slime model, and of the same model with halved output weights.
#[test]
fn the_scorecard_tells_a_good_model_from_a_broken_one() {
    let model = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca")).unwrap();
    let target = model.target().unwrap();
    let error = |scorecard: &Scorecard, test| scorecard.entries.iter().find(|e| e.test == test).unwrap().worst;
    let good = Scorecard::of(&model, target);
    assert_eq!(good.entries.len(), 4 + 7 + 3);
    assert!(error(&good, Test::Grown(200)) < 0.005, "{good:?}");
    // A rotated sprite grows the rotated picture, not its mirror image.
    assert!(error(&good, Test::Rotated(90)) < 0.02, "{good:?}");

    let mut weights = model.weights().clone();
    weights.output_weight.iter_mut().for_each(|weight| *weight *= 0.5);
    let broken = Model::new(model.rule().clone(), weights, Some(target.clone())).unwrap();
    let bad = Scorecard::of(&broken, target);
    assert!(!bad.passes() && bad.worst_ratio() > 5.0, "{bad:?}");
    assert!(!Cuts::of(&broken, target, 4, 7).passes());
}

#[test]
fn every_picture_in_assets_has_a_model_that_passes() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut pairs = vec![(assets.join("targets/slime.png"), assets.join("models/colors/slime.nca"))];
    for (folder, least) in [("", 10), ("bodies", 4)] {
        let files = std::fs::read_dir(assets.join("targets").join(folder)).unwrap().map(|file| file.unwrap().path());
        let pictures: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "png")).collect();
        assert!(pictures.len() >= least, "{pictures:?}");
        let model = |picture: &Path| {
            assets.join("models").join(folder).join(picture.with_extension("nca").file_name().unwrap())
        };
        pairs.extend(pictures.into_iter().map(|picture| (picture.clone(), model(&picture))));
    }
    // They are trained as wide ones.
    for body in [GenericBody::Tall, GenericBody::VeryTall] {
        let model = body.model().unwrap();
        let storm = Storm::of(&model, model.target().unwrap(), 100, 7);
        assert!(storm.passes(), "{body:?}: {} of its gate", storm.worst_ratio());
    }
    for (picture, path) in pairs {
        let model = Model::read(&path).unwrap();
        // The lattice of a body is coarser than a large picture.
        let target = match model.rule().output {
            Output::Coordinates => Target::read_body(&picture, ReadOptions::default()).unwrap(),
            _ => Target::read(&picture, ReadOptions::default()).unwrap(),
        };
        assert_eq!(model.target(), Some(&target), "{}: another picture", path.display());
        let mut scorecard = Scorecard::of(&model, &target);
        // No body of colors is known that withstands a storm.
        if model.rule().output == Output::Coordinates {
            scorecard = scorecard.with_storm(&model, &target, 100, 7);
            let cuts = Cuts::of(&model, &target, 20, 7);
            assert!(cuts.passes(), "{}: {:?} {:?}", path.display(), cuts.large(), cuts.small());
        }
        let ratio = scorecard.worst_ratio();
        assert!(scorecard.passes(), "{}: {ratio} of its gate, {:?}", path.display(), scorecard.entries);
    }
}
