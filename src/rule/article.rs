//! Imports models in the format of the article's web demo.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;

use super::{Model, ModelErrorKind, Rule, Weights, error::truncate_and_escape};

/// One dense layer: `(in_ch + 1) x out_ch` bytes, row-major. The last row is the bias.
#[derive(Deserialize)]
struct Layer {
    data_b64: String,
    in_ch: usize,
    out_ch: usize,
    weight_scale: f32,
    bias_scale: f32,
}

const EXPECTED: &str = "expected a web-demo model of the article: a JSON list of two dense layers with `data_b64`";

/// Identifies files of other formats. Returns `None` for a JSON list, which may be a web-demo model.
fn foreign(json: &Value) -> Option<ModelErrorKind> {
    let has = |key: &str| json.get(key).is_some();
    let (format, hint) = match json {
        Value::Array(_) => return None,
        Value::Object(_) if has("model_names") && has("layers") => {
            let count = json["model_names"].as_array().map_or(0, Vec::len);
            let format = format!("a list of {count} texture models, as those of \"Self-Organising Textures\"");
            (
                format,
                "import all of them with `import_textures` or `nca import --all`, or one with `nca import --name NAME`",
            )
        }
        Value::Object(_) if has("modelTopology") || has("weightsManifest") => (
            "a TensorFlow.js graph, as the article exported models at first".to_owned(),
            "read its two dense layers with TensorFlow, and write them with the script under \"From PyTorch or JAX\" in \
             the README",
        ),
        Value::Object(keys) => {
            let keys: Vec<&str> = keys.keys().take(4).map(String::as_str).collect();
            (truncate_and_escape(format!("a JSON object with the keys {}", keys.join(", "))), EXPECTED)
        }
        other => (truncate_and_escape(format!("the JSON value {other}")), EXPECTED),
    };
    Some(ModelErrorKind::UnknownFormat { format, hint })
}

/// Imports a web-demo model of the Growing NCA article (Mordvintsev et al., Distill 2020) from its
/// JSON: two dense layers, quantized to bytes. A weight is `(byte / 255 - 0.5)` times the layer's
/// scale.
///
/// The rest of the rule is the article's: identity and Sobel perception, a fire rate of 0.5, and a
/// 72x72 grid with a zero border (a 40 px picture with 16 px of padding).
///
/// # Errors
/// [`ModelErrorKind::Layer`] names the layer and the field that is invalid.
/// [`ModelErrorKind::Field`] names a layer size that is out of range. [`ModelErrorKind::UnknownFormat`]
/// names the format of a file that is not a web-demo model.
pub fn import_article(json: &[u8], name: &str) -> Result<Model, ModelErrorKind> {
    let bad = |layer, field, found: String, expected: String| ModelErrorKind::Layer {
        layer,
        field,
        found: truncate_and_escape(found),
        expected,
    };
    let json: Value = serde_json::from_slice(json).map_err(|error| ModelErrorKind::UnknownFormat {
        format: truncate_and_escape(format!("no JSON ({error})")),
        hint: EXPECTED,
    })?;
    if let Some(foreign) = foreign(&json) {
        return Err(foreign);
    }
    let layers: Vec<Layer> = serde_json::from_value(json)
        .map_err(|error| bad(0, "file", error.to_string(), "a JSON list of two layers".into()))?;
    let [first, second] = layers.as_slice() else {
        return Err(bad(0, "file", format!("{} layers", layers.len()), "two layers".into()));
    };
    let rule = Rule {
        name: name.to_owned(),
        grid: [72, 72],
        channels: second.out_ch,
        hidden: first.out_ch,
        source: "Growing Neural Cellular Automata, Distill 2020".to_owned(),
        license: "CC-BY-4.0".to_owned(),
        ..Rule::default()
    };
    rule.validate()?;
    for (index, layer, inputs) in [(0, first, rule.features()), (1, second, rule.hidden)] {
        if layer.in_ch != inputs {
            return Err(bad(index, "in_ch", layer.in_ch.to_string(), inputs.to_string()));
        }
    }
    let dequantise = |index: usize, layer: &Layer| {
        let bytes = BASE64_STANDARD
            .decode(&layer.data_b64)
            .map_err(|error| bad(index, "data_b64", error.to_string(), "base64".into()))?;
        let expected = (layer.in_ch + 1) * layer.out_ch;
        if bytes.len() != expected {
            return Err(bad(index, "data_b64", format!("{} bytes", bytes.len()), format!("{expected} bytes")));
        }
        let scaled = |bytes: &[u8], scale: f32| -> Vec<f32> {
            bytes.iter().map(|&byte| (f32::from(byte) / 255.0 - 0.5) * scale).collect()
        };
        let (weight, bias) = bytes.split_at(layer.in_ch * layer.out_ch);
        Ok((scaled(weight, layer.weight_scale), scaled(bias, layer.bias_scale)))
    };
    let (hidden_weight, hidden_bias) = dequantise(0, first)?;
    let (output_weight, output_bias) = dequantise(1, second)?;
    let weights = Weights { hidden_weight, hidden_bias, output_weight, output_bias, ..Weights::default() };
    Model::new(rule, weights, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(inputs: usize, outputs: usize, bytes: usize) -> String {
        let data = BASE64_STANDARD.encode((0..bytes).map(|i| i as u8).collect::<Vec<_>>());
        format!(
            r#"{{"data_b64":"{data}","in_ch":{inputs},"out_ch":{outputs},"weight_scale":2.0,"bias_scale":1.0,"type":"uint8"}}"#
        )
    }

    #[test]
    fn bytes_become_weights() {
        let json = format!("[{},{}]", layer(24, 16, 25 * 16), layer(16, 8, 17 * 8));
        let model = import_article(json.as_bytes(), "tiny").unwrap();
        assert_eq!((model.rule().channels, model.rule().hidden), (8, 16));
        assert_eq!(model.weights().hidden_weight[0], -1.0);
        assert_eq!(model.weights().hidden_weight[255], 1.0);
        assert_eq!(model.weights().output_bias[0], 128.0 / 255.0 - 0.5);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, wanted_field) in [
            (format!("[{}]", layer(24, 16, 400)), "file"),
            (format!("[{},{}]", layer(24, 16, 399), layer(16, 8, 136)), "data_b64"),
            (format!("[{},{}]", layer(23, 16, 384), layer(16, 8, 136)), "in_ch"),
            (format!("[{},{}]", layer(24, 16, 400), layer(usize::MAX, 8, 136)), "in_ch"),
        ] {
            match import_article(json.as_bytes(), "bad") {
                Err(ModelErrorKind::Layer { field, .. }) => assert_eq!(field, wanted_field),
                other => panic!("{other:?}"),
            }
        }
        for (json, named) in [
            (r#"{"model_names": ["dots", "mosaic"], "layers": []}"#, "a list of 2 texture models"),
            (r#"{"format": "graph-model", "modelTopology": {}}"#, "TensorFlow.js"),
            (r#"{"a\u001b": 1}"#, r"the keys a\u{1b}"),
            ("7", "the JSON value 7"),
            ("[", "no JSON"),
        ] {
            let error = import_article(json.as_bytes(), "foreign").unwrap_err();
            assert!(
                matches!(error, ModelErrorKind::UnknownFormat { .. }) && error.to_string().contains(named),
                "{error}"
            );
        }
    }
}
