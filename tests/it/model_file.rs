//! Good, bad and hostile `.nca` files.

use bevy_nca::rule::{Model, ModelErrorKind, Rule, Target, Weights};
use proptest::prelude::*;
use safetensors::{Dtype, tensor::TensorView};

use crate::{
    engines::model,
    support::{GOLDEN, golden_folder},
};

fn tiny() -> Model {
    let rule = Rule { grid: [6, 5], channels: 8, hidden: 16, name: "tiny".into(), ..Rule::default() };
    let target = Target { width: 3, height: 2, rgba: (0..24).collect() };
    model(3, rule).with_target(Some(target)).unwrap()
}

#[test]
fn golden_models_are_read_and_written_without_loss() {
    for name in GOLDEN {
        let model = Model::read(golden_folder().join(format!("{name}.nca"))).unwrap();
        assert_eq!(model.rule().name, name);
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
    }
}

#[test]
fn a_file_is_written_whole_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.nca");
    std::fs::write(&path, "old").unwrap();
    tiny().write(&path).unwrap();
    assert_eq!(Model::read(&path).unwrap(), tiny());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    let error = tiny().write(folder.path().join("missing/tiny.nca")).unwrap_err();
    assert!(error.to_string().contains("missing/tiny.nca"), "{error}");
}

#[test]
fn half_precision_weights_are_read() {
    let model = tiny();
    let halves =
        |data: &[f32]| -> Vec<u8> { data.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect() };
    let Weights { hidden_weight, hidden_bias, output_weight, output_bias, .. } = model.weights();
    let data = [hidden_weight, hidden_bias, output_weight, output_bias].map(|data| halves(data));
    let views = ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]
        .into_iter()
        .zip([vec![24, 16], vec![16], vec![16, 8], vec![8]])
        .zip(&data)
        .map(|((name, shape), data)| (name, TensorView::new(Dtype::F16, shape, data).unwrap()));
    let json = serde_json::to_string(model.rule()).unwrap();
    let bytes = safetensors::serialize(views, Some([("nca".to_owned(), json)].into())).unwrap();
    let read = Model::from_bytes(&bytes).unwrap();
    for (a, b) in read.weights().hidden_weight.iter().zip(hidden_weight) {
        assert!((a - b).abs() < 1e-3);
    }
}

type Tensor = (&'static str, Dtype, Vec<usize>, Vec<u8>);

/// A file with the given metadata and tensors.
fn file(json: &str, tensors: &[Tensor]) -> Vec<u8> {
    let views =
        tensors.iter().map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    safetensors::serialize(views, Some([("nca".to_owned(), json.to_owned())].into())).unwrap()
}

fn parts() -> (String, Vec<Tensor>) {
    let model = tiny();
    let bytes = |data: &[f32]| bytemuck::cast_slice(data).to_vec();
    let weights = model.weights();
    (
        serde_json::to_string(model.rule()).unwrap(),
        vec![
            ("hidden.weight", Dtype::F32, vec![24, 16], bytes(&weights.hidden_weight)),
            ("hidden.bias", Dtype::F32, vec![16], bytes(&weights.hidden_bias)),
            ("output.weight", Dtype::F32, vec![16, 8], bytes(&weights.output_weight)),
            ("output.bias", Dtype::F32, vec![8], bytes(&weights.output_bias)),
        ],
    )
}

#[test]
fn each_fault_has_its_own_error() {
    let (json, tensors) = parts();
    let read = |json: &str, tensors: &[_]| Model::from_bytes(&file(json, tensors)).unwrap_err();
    assert!(Model::from_bytes(&file(&json, &tensors)).is_ok());

    assert!(matches!(Model::from_bytes(b"").unwrap_err(), ModelErrorKind::Header(_)));
    let whole = file(&json, &tensors);
    assert!(matches!(Model::from_bytes(&whole[..whole.len() - 1]).unwrap_err(), ModelErrorKind::Header(_)));
    let bare = safetensors::serialize(Vec::<(&str, TensorView)>::new(), None).unwrap();
    assert!(matches!(Model::from_bytes(&bare).unwrap_err(), ModelErrorKind::Metadata { .. }));
    assert!(matches!(read("[]", &tensors), ModelErrorKind::Metadata { .. }));
    assert!(matches!(
        read(&json.replace("\"version\":1", "\"version\":9"), &tensors),
        ModelErrorKind::Version { found: 9 }
    ));
    assert!(matches!(
        read(&json.replace("\"hidden\":16", "\"hidden\":15"), &tensors),
        ModelErrorKind::Field { field: "hidden", .. }
    ));
    assert!(matches!(read(&json, &tensors[1..]), ModelErrorKind::MissingTensor { tensor: "hidden.weight", .. }));

    let mut other = tensors.clone();
    other[0].2 = vec![16, 24];
    assert!(matches!(read(&json, &other), ModelErrorKind::Shape { tensor: "hidden.weight", .. }));
    let mut other = tensors.clone();
    other[1].1 = Dtype::I32;
    assert!(matches!(read(&json, &other), ModelErrorKind::Dtype { tensor: "hidden.bias", found: Dtype::I32, .. }));
    let mut other = tensors.clone();
    other[3].3[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(matches!(read(&json, &other), ModelErrorKind::NonFinite { tensor: "output.bias", index: 2, .. }));
    let mut other = tensors.clone();
    other.push(("target", Dtype::U8, vec![1, 7, 4], vec![0; 28]));
    assert!(matches!(read(&json, &other), ModelErrorKind::Shape { tensor: "target", .. }));
}

#[test]
fn errors_name_the_file_the_field_and_both_values() {
    let (json, tensors) = parts();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slime.nca");
    std::fs::write(&path, file(&json.replace("\"channels\":8", "\"channels\":9"), &tensors)).unwrap();
    let message = Model::read(&path).unwrap_err().to_string();
    for part in ["slime.nca", "`channels`", "found 9", "multiple of 4 in 8..=32"] {
        assert!(message.contains(part), "{message}");
    }
    std::fs::File::create(&path).unwrap().set_len(1 << 34).unwrap();
    assert!(matches!(Model::read(&path).unwrap_err().kind, ModelErrorKind::TooLarge { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Reading a damaged file gives a model or an error, not a panic.
    #[test]
    fn damaged_files_are_errors(cut in 0usize..6000, flips in prop::collection::vec((0usize..6000, 0u8..8), 0..12)) {
        let mut bytes = tiny().to_bytes().unwrap();
        for (at, bit) in flips {
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
        }
        bytes.truncate(if cut % 2 == 0 { cut } else { usize::MAX });
        let _ = Model::from_bytes(&bytes);
    }

    /// Headers with arbitrary sizes, types and offsets, and no data behind them.
    #[test]
    fn hostile_headers_are_errors(
        length: u64, shape in prop::collection::vec(any::<u64>(), 0..5), end: u64, huge: bool, dtype in "[A-Z0-9]{0,4}",
    ) {
        let (json, _) = parts();
        let header = serde_json::json!({
            "__metadata__": { "nca": json },
            "hidden.weight": { "dtype": dtype, "shape": shape, "data_offsets": [0, end] },
        }).to_string();
        let length = if huge { length } else { header.len() as u64 };
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        prop_assert!(Model::from_bytes(&bytes).is_err());
    }

    #[test]
    fn hostile_rules_are_errors_or_rules(field in 0usize..15, value in prop_oneof![
        Just("1e999"), Just("-1"), Just("18446744073709551615"), Just("null"), Just("[[[[]]]]"), Just("{}"),
        Just("\"\\u0000\""), Just("[4294967295,4294967295]"), Just("0"), Just("true"),
    ]) {
        let (json, tensors) = parts();
        let mut map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
        let key = map.keys().nth(field % map.len()).unwrap().clone();
        let Ok(value) = serde_json::from_str(value) else { return Ok(()) };
        map.insert(key, value);
        let _ = Model::from_bytes(&file(&serde_json::to_string(&map).unwrap(), &tensors));
    }
}
