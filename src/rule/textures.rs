//! Imports lists of texture models, as "Self-Organising Textures" published them.

use std::io::Cursor;

use base64::{Engine, prelude::BASE64_STANDARD};
use image::{ImageFormat, ImageReader, RgbaImage};
use serde::Deserialize;

use super::{Kernel, Model, ModelErrorKind, Output, Rule, Weights, error::truncate_and_escape, spec::Boundary};

/// A file of models. All have the same size.
#[derive(Deserialize)]
struct List {
    model_names: Vec<String>,
    layers: [Layer; 2],
}

/// A dense layer of all models: a picture of tiles, one for each model. A pixel holds four adjacent outputs.
#[derive(Deserialize)]
struct Layer {
    scale: f32,
    /// A PNG as a `data:` URL.
    data: String,
    /// The rows and outputs of a tile. There is a row for each input, then one for the bias.
    shape: [usize; 2],
    /// The columns and rows of tiles.
    layout: [usize; 2],
}

impl Layer {
    const PREFIX: &str = "data:image/png;base64,";

    /// The weights of the first `count` tiles, row-major.
    fn tiles(&self, layer: usize, count: usize) -> Result<Vec<Vec<f32>>, ModelErrorKind> {
        let bad = |field, found, expected| bad(layer, field, found, expected);
        let (prefix, data) = self.data.split_at_checked(Self::PREFIX.len()).unwrap_or(("", &self.data));
        if !prefix.eq_ignore_ascii_case(Self::PREFIX) {
            return Err(bad("data", self.data.clone(), format!("a PNG after `{}`", Self::PREFIX)));
        }
        let png = BASE64_STANDARD.decode(data).map_err(|error| bad("data", error.to_string(), "base64".into()))?;
        let [rows, outputs] = self.shape;
        let [columns, down] = self.layout;
        let quads = outputs.div_ceil(4);
        if columns.saturating_mul(down) < count {
            let found = format!("{:?}", self.layout);
            return Err(bad("layout", found, format!("a tile for each of {count} names")));
        }
        // A file can claim any size.
        let sides = [columns.checked_mul(quads), down.checked_mul(rows)].map(|side| u32::try_from(side?).ok());
        let [Some(width), Some(height)] = sides else {
            return Err(bad("layout", format!("{:?}", self.layout), "tiles that fit a picture".into()));
        };
        let reader = ImageReader::with_format(Cursor::new(&png), ImageFormat::Png);
        let found = reader.into_dimensions().map_err(|error| bad("data", error.to_string(), "a PNG".into()))?;
        if found != (width, height) || width == 0 || height == 0 {
            let found = format!("{} x {}", found.0, found.1);
            return Err(bad("data", found, format!("a picture of {width} x {height} pixels")));
        }
        let picture = ImageReader::with_format(Cursor::new(&png), ImageFormat::Png).decode();
        let picture = picture.map_err(|error| bad("data", error.to_string(), "a PNG".into()))?.into_rgba8();
        let tile = |index: usize| self.tile(&picture, [index % columns * quads, index / columns * rows]);
        Ok((0..count).map(tile).collect())
    }

    fn tile(&self, picture: &RgbaImage, [left, top]: [usize; 2]) -> Vec<f32> {
        let [rows, outputs] = self.shape;
        let byte =
            |row: usize, output: usize| picture.get_pixel((left + output / 4) as u32, (top + row) as u32).0[output % 4];
        let cells = (0..rows).flat_map(|row| (0..outputs).map(move |output| (row, output)));
        cells.map(|(row, output)| (f32::from(byte(row, output)) - 127.0) / 255.0 * self.scale).collect()
    }
}

fn bad(layer: usize, field: &'static str, found: String, expected: String) -> ModelErrorKind {
    ModelErrorKind::Layer { layer, field, found: truncate_and_escape(found), expected }
}

/// Imports all models of a list in the format of the web demo of "Self-Organising Textures" (Niklasson et al., Distill
/// 2021): JSON with `model_names` and two `layers`, each a PNG of weights.
///
/// A model is named as in the list, without the folders of its name. It has no target. Its rule is that of the demo: four
/// kernels on a torus, a fire rate of 0.5 and no life mask. The demo shows `state / 2 + 0.5`, and has a Laplacian of
/// twice [`Kernel::Laplacian`]; so the states of the imported model are half as large. The demo limits perceptions, hidden
/// units, updates and states. A [`clamp`](Rule::clamp) of the states alone, to 1, gives the same pictures.
///
/// # Errors
/// [`ModelErrorKind::Layer`] names the layer and the field that is invalid. [`ModelErrorKind::Field`] names a size that
/// is out of range. [`ModelErrorKind::UnknownFormat`] if the file is not such a list.
pub fn import_textures(json: &[u8]) -> Result<Vec<Model>, ModelErrorKind> {
    let list: List = serde_json::from_slice(json).map_err(|error| ModelErrorKind::UnknownFormat {
        format: truncate_and_escape(error.to_string()),
        hint: "expected a list of texture models: a JSON object with `model_names` and two `layers`",
    })?;
    let [first, second] = &list.layers;
    let rule = Rule {
        version: 2,
        grid: [128, 128],
        channels: second.shape[1],
        hidden: first.shape[1],
        perception: vec![Kernel::Identity, Kernel::SobelX, Kernel::SobelY, Kernel::Laplacian],
        boundary: Boundary::Wrap,
        alive: None,
        clamp: Some(1.0),
        output: Output::OpaqueCentered,
        mature_ticks: 600,
        license: "Apache-2.0".to_owned(),
        source: "Self-Organising Textures, Distill 2021".to_owned(),
        ..Rule::default()
    };
    rule.validate()?;
    for (index, layer, inputs) in [(0, first, rule.features()), (1, second, rule.hidden)] {
        let expected = inputs + 1;
        if layer.shape[0] != expected {
            return Err(bad(index, "shape", format!("{:?}", layer.shape), format!("{expected} rows")));
        }
    }
    let count = list.model_names.len();
    let (hidden, output) = (first.tiles(0, count)?, second.tiles(1, count)?);
    let models =
        list.model_names.into_iter().zip(hidden.into_iter().zip(output)).map(|(name, (mut hidden, mut output))| {
            let hidden_bias = hidden.split_off(rule.features() * rule.hidden);
            let output_bias = output.split_off(rule.hidden * rule.channels);
            let laplacian = 3 * rule.channels * rule.hidden;
            hidden.iter_mut().for_each(|weight| *weight *= 2.0);
            hidden.iter_mut().skip(laplacian).for_each(|weight| *weight *= 2.0);
            let halved = |weights: Vec<f32>| weights.into_iter().map(|weight| weight / 2.0).collect();
            let weights = Weights {
                hidden_weight: hidden,
                hidden_bias,
                output_weight: halved(output),
                output_bias: halved(output_bias),
                ..Weights::default()
            };
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            Model::new(Rule { name, ..rule.clone() }, weights, None)
        });
    models.collect()
}

#[cfg(test)]
mod tests {
    use image::Rgba;
    use serde_json::json;

    use super::*;

    /// A layer whose bytes count up along the rows of its picture.
    fn layer(rows: usize, outputs: usize, layout: [usize; 2]) -> serde_json::Value {
        let [width, height] = [layout[0] * outputs / 4, layout[1] * rows].map(|side| side as u32);
        let picture = RgbaImage::from_fn(width, height, |x, y| {
            let first = (y * width + x) * 4;
            Rgba([0, 1, 2, 3].map(|i| (first + i) as u8))
        });
        let mut png = Vec::new();
        picture.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
        let data = "data:image/PNG;base64,".to_owned() + &BASE64_STANDARD.encode(png);
        json!({ "scale": 2.0, "data": data, "shape": [rows, outputs], "layout": layout })
    }

    fn list() -> serde_json::Value {
        json!({
            "model_names": ["folder/dots", "rug", "fur"],
            "layers": [layer(33, 16, [2, 2]), layer(17, 8, [4, 1])],
        })
    }

    fn import(list: &serde_json::Value) -> Result<Vec<Model>, ModelErrorKind> {
        import_textures(list.to_string().as_bytes())
    }

    #[test]
    fn each_tile_becomes_a_model() {
        let models = import(&list()).unwrap();
        assert_eq!(models.iter().map(|model| &*model.rule().name).collect::<Vec<_>>(), ["dots", "rug", "fur"]);
        let byte = |byte: usize| ((byte % 256) as f32 - 127.0) / 255.0 * 2.0;
        for (index, model) in models.iter().enumerate() {
            assert_eq!((model.rule().channels, model.rule().hidden, model.rule().clamp), (8, 16, Some(1.0)));
            let weights = model.weights();
            // A row of the first picture has two tiles of 16 outputs, a row of the second four tiles of 8.
            let first = index % 2 * 16 + index / 2 * 33 * 32;
            assert_eq!(weights.hidden_weight[17], 2.0 * byte(first + 32 + 1));
            assert_eq!(weights.hidden_weight[24 * 16], 4.0 * byte(first + 24 * 32), "the Laplacian counts twice");
            assert_eq!(weights.hidden_bias[15], byte(first + 32 * 32 + 15));
            assert_eq!(weights.output_weight[8], byte(index * 8 + 32) / 2.0);
            assert_eq!(weights.output_bias[7], byte(index * 8 + 16 * 32 + 7) / 2.0);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (pointer, value, named) in [
            ("/layers/0/data", json!("data:image/png;base64,"), "data"),
            ("/layers/0/data", json!("data:image/png;base64,!"), "data"),
            ("/layers/0/data", json!("weights.png"), "data"),
            ("/layers/0/shape", json!([34, 16]), "shape"),
            ("/layers/0/layout", json!([2, 3]), "data"),
            ("/layers/0/layout", json!([usize::MAX, 2]), "layout"),
            ("/layers/1/layout", json!([0, 0]), "layout"),
            ("/model_names", json!(["a", "b", "c", "d", "e"]), "layout"),
        ] {
            let mut list = list();
            *list.pointer_mut(pointer).unwrap() = value;
            match import(&list) {
                Err(ModelErrorKind::Layer { field, .. }) => assert_eq!(field, named, "{pointer}"),
                other => panic!("{pointer}: {other:?}"),
            }
        }
        for list in [json!([]), json!({ "model_names": [], "layers": [] })] {
            assert!(matches!(import(&list), Err(ModelErrorKind::UnknownFormat { .. })));
        }
        let mut large = list();
        large["layers"][1]["shape"] = json!([17, 1000]);
        assert!(matches!(import(&large), Err(ModelErrorKind::Field { field: "channels", .. })));
    }
}
