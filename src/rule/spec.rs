//! The rule as stored in a model file: sizes, perception, boundary and rates.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{FireRate, error::ModelErrorKind};

/// The valid ranges of a rule's sizes.
pub(crate) const CHANNELS: std::ops::RangeInclusive<usize> = 8..=32;
const HIDDEN: std::ops::RangeInclusive<usize> = 16..=MAX_HIDDEN as usize;
pub(crate) const MAX_HIDDEN: u64 = 256;

/// A 3x3 perception kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// The cell itself.
    Identity,
    /// The horizontal gradient, `[-1 0 1; -2 0 2; -1 0 1] / 8`.
    SobelX,
    /// The vertical gradient, the transpose of [`Kernel::SobelX`]; y points down.
    SobelY,
    /// `[1 2 1; 2 -12 2; 1 2 1] / 16`.
    Laplacian,
}

impl Kernel {
    /// The kernel's weights, `[dy + 1][dx + 1]`.
    pub const fn weights(self) -> [[f32; 3]; 3] {
        const S: f32 = 1.0 / 8.0;
        const L: f32 = 1.0 / 16.0;
        match self {
            Self::Identity => [[0.0; 3], [0.0, 1.0, 0.0], [0.0; 3]],
            Self::SobelX => [[-S, 0.0, S], [-2.0 * S, 0.0, 2.0 * S], [-S, 0.0, S]],
            Self::SobelY => [[-S, -2.0 * S, -S], [0.0; 3], [S, 2.0 * S, S]],
            Self::Laplacian => [[L, 2.0 * L, L], [2.0 * L, -12.0 * L, 2.0 * L], [L, 2.0 * L, L]],
        }
    }
}

/// The cosine and sine of the angle that rotates the gradients. Shared, so that all engines use the
/// same values.
pub(crate) fn rotation(angle: f32) -> (f32, f32) {
    let angle = f64::from(angle);
    (angle.cos() as f32, angle.sin() as f32)
}

/// The neighbors beyond the edge of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// Zeros.
    Zero,
    /// The cells at the opposite edge: the grid is a torus.
    Wrap,
}

impl Boundary {
    /// The index at offset `delta` (-1, 0 or 1) from `at` on an axis of `len` cells; `None` beyond
    /// a zero boundary.
    #[inline]
    pub(crate) fn shift(self, at: usize, delta: isize, len: usize) -> Option<usize> {
        match (self, at.checked_add_signed(delta)) {
            (_, Some(to)) if to < len => Some(to),
            (Self::Zero, _) => None,
            (Self::Wrap, Some(_)) => Some(0),
            (Self::Wrap, None) => Some(len - 1),
        }
    }
}

/// The life mask. A cell is mature if its `channel` is above `threshold`. A cell survives a tick if
/// its 3x3 neighborhood has a mature cell before the update, and one after it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alive {
    /// The channel, usually 3 (alpha).
    pub channel: usize,
    /// The threshold for a mature cell, usually 0.1.
    pub threshold: f32,
}

/// How channels 0..4 encode a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Red, green and blue premultiplied by alpha; for sprites.
    PremultipliedAlpha,
    /// Red, green and blue minus 0.5, with alpha 1; for textures.
    OpaqueCentered,
    /// The column and row where the cell belongs in the model's target, 0 to 1, premultiplied by alpha; then a free
    /// channel, and alpha. The pixel is looked up in the target. Format version 2.
    Coordinates,
}

/// A second rule for some cells of a texture: those that are painted with it, such as moss on a wall. Only the weights and
/// the clamp differ from the first rule. See [`Model::with_overgrowth`](super::Model::with_overgrowth).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overgrowth {
    /// A human-readable name.
    #[serde(default)]
    pub name: String,
    /// Like [`Rule::clamp`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamp: Option<f32>,
    /// The author of the second model.
    #[serde(default)]
    pub author: String,
    /// The license of the second model.
    #[serde(default)]
    pub license: String,
    /// The origin of the second model.
    #[serde(default)]
    pub source: String,
}

/// The rule of an automaton without its weights: the JSON under the `nca` key of a `.nca` file.
///
/// A `Rule` that was read from a file or passed [`Rule::validate`] is within the ranges below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Rule {
    /// The format version, at most [`Rule::VERSION`]. [`Output::Coordinates`], a [`clamp`](Self::clamp), an
    /// [`overgrowth`](Self::overgrowth) and [`forms`](Self::forms) require version 2.
    pub version: u32,
    /// A human-readable name.
    pub name: String,
    /// The width and height of the grid that the model was made for, in cells, 1..=1024 each.
    pub grid: [u32; 2],
    /// Channels per cell: a multiple of 4, 8..=32.
    pub channels: usize,
    /// Width of the hidden layer: a multiple of 4, 16..=256.
    pub hidden: usize,
    /// The perception kernels, all distinct, in the order of the weights' rows.
    pub perception: Vec<Kernel>,
    /// The neighbors beyond the edge of the grid.
    pub boundary: Boundary,
    /// The probability that a cell fires in a tick, 2^-32 to 1.
    pub fire_rate: f64,
    /// The factor applied to an update before it is added; finite.
    pub step_size: f32,
    /// The values of a cell that has fired stay within plus and minus this; above 0 and finite. `None` for no limit.
    /// Published texture models need 1: without it, they explode. Format version 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clamp: Option<f32>,
    /// The life mask; `None` for textures, where every cell lives.
    pub alive: Option<Alive>,
    /// How channels 0..4 encode a pixel.
    pub output: Output,
    /// The second rule, for cells that are painted with it. Only without a life mask. Format version 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overgrowth: Option<Overgrowth>,
    /// The names of the bodies that the rule can grow, at most [`Rule::MAX_FORMS`]: calm, hurt, enraged. Each has its own
    /// bias of the hidden layer ([`Weights::form_bias`](super::Weights::form_bias)), and a sprite is in one of them or
    /// between some. Empty for a rule with one body. Format version 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<String>,
    /// The number of ticks after which a seed is grown, 1..=100,000.
    pub mature_ticks: u32,
    /// The author of the model.
    pub author: String,
    /// The license of the model.
    pub license: String,
    /// The origin of the model.
    pub source: String,
    /// Keys in the file that this version does not know. They are preserved.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Default for Rule {
    /// The rule of the Growing NCA article on a 40x40 grid: 16 channels, 128 hidden units, a fire rate of 0.5.
    fn default() -> Self {
        Self {
            version: 1,
            name: String::new(),
            grid: [40, 40],
            channels: 16,
            hidden: 128,
            perception: vec![Kernel::Identity, Kernel::SobelX, Kernel::SobelY],
            boundary: Boundary::Zero,
            fire_rate: 0.5,
            step_size: 1.0,
            clamp: None,
            alive: Some(Alive { channel: 3, threshold: 0.1 }),
            output: Output::PremultipliedAlpha,
            overgrowth: None,
            forms: Vec::new(),
            mature_ticks: 96,
            author: String::new(),
            license: String::new(),
            source: String::new(),
            extra: Map::new(),
        }
    }
}

/// The share of each form of a rule, in their order. Those of further forms are ignored.
pub(crate) type Shares = [f32; Rule::MAX_FORMS];

/// All of the first form.
pub(crate) const FIRST_FORM: Shares = all_of(0);

/// All of one form; nothing of a form that no rule can have.
pub(crate) const fn all_of(form: usize) -> Shares {
    let mut shares = [0.0; Rule::MAX_FORMS];
    if form < Rule::MAX_FORMS {
        shares[form] = 1.0;
    }
    shares
}

impl Rule {
    /// The latest format version that this crate reads and writes.
    pub const VERSION: u32 = 2;

    /// The valid side lengths of a grid, in cells.
    pub const SIDES: std::ops::RangeInclusive<u32> = 1..=1024;

    /// The valid numbers of ticks for a seed to grow.
    pub const MATURE_TICKS: std::ops::RangeInclusive<u32> = 1..=100_000;

    /// The largest number of forms.
    pub const MAX_FORMS: usize = 16;

    /// The lowest rate at which a cell can fire; see [`FireRate`].
    const MIN_FIRE_RATE: f64 = 1.0 / 4_294_967_296.0;

    /// The number of features that a cell perceives: kernels times channels.
    pub fn features(&self) -> usize {
        self.perception.len() * self.channels
    }

    /// The [`fire_rate`](Self::fire_rate) as a threshold.
    pub fn firing(&self) -> FireRate {
        FireRate::new(self.fire_rate)
    }

    /// Checks that every field is within its range.
    ///
    /// # Errors
    /// [`ModelErrorKind::Field`] names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ModelErrorKind> {
        let check = |good, field, found: String, expected| {
            if good { Ok(()) } else { Err(ModelErrorKind::field(field, found, expected)) }
        };
        if !(1..=Self::VERSION).contains(&self.version) {
            return Err(ModelErrorKind::Version { found: u64::from(self.version) });
        }
        let is_new = self.output == Output::Coordinates
            || self.clamp.is_some()
            || self.overgrowth.is_some()
            || !self.forms.is_empty();
        let (version, expected) =
            (self.version.to_string(), "2, for an output of coordinates, a clamp, an overgrowth or forms");
        check(!is_new || self.version >= 2, "version", version, expected)?;
        let [w, h] = self.grid;
        check(
            Self::SIDES.contains(&w) && Self::SIDES.contains(&h),
            "grid",
            format!("[{w}, {h}]"),
            "two sizes of 1..=1024 cells",
        )?;
        check(
            CHANNELS.contains(&self.channels) && self.channels.is_multiple_of(4),
            "channels",
            self.channels.to_string(),
            "a multiple of 4 in 8..=32",
        )?;
        check(
            HIDDEN.contains(&self.hidden) && self.hidden.is_multiple_of(4),
            "hidden",
            self.hidden.to_string(),
            "a multiple of 4 in 16..=256",
        )?;
        let kernels = &self.perception;
        let distinct = (1..kernels.len()).all(|i| !kernels[..i].contains(&kernels[i]));
        check(!kernels.is_empty() && distinct, "perception", format!("{kernels:?}"), "one to four distinct kernels")?;
        let fires = self.fire_rate <= 1.0 && self.fire_rate >= Self::MIN_FIRE_RATE;
        check(fires, "fire_rate", self.fire_rate.to_string(), "at least 2^-32 and at most 1")?;
        check(
            Self::MATURE_TICKS.contains(&self.mature_ticks),
            "mature_ticks",
            self.mature_ticks.to_string(),
            "1 to 100000 ticks",
        )?;
        check(self.step_size.is_finite(), "step_size", self.step_size.to_string(), "a finite number")?;
        let overgrowth = self.overgrowth.as_ref();
        for (field, clamp) in [("clamp", self.clamp), ("overgrowth.clamp", overgrowth.and_then(|other| other.clamp))] {
            let clamp = clamp.unwrap_or(1.0);
            check(clamp.is_finite() && clamp > 0.0, field, clamp.to_string(), "a finite number above 0")?;
        }
        if let Some(alive) = self.alive {
            check(
                alive.channel < self.channels,
                "alive.channel",
                alive.channel.to_string(),
                "less than the number of channels",
            )?;
            // Zeros, in the grid or beyond its edge, must not count as alive.
            check(
                alive.threshold.is_finite() && alive.threshold >= 0.0,
                "alive.threshold",
                alive.threshold.to_string(),
                "a finite number, 0 or more",
            )?;
        }
        let can_be_shown = self.alive.is_some_and(|alive| alive.channel == 3) || self.output != Output::Coordinates;
        let alive = self.alive.map_or("null".to_owned(), |alive| format!("channel {}", alive.channel));
        check(can_be_shown, "alive", alive.clone(), "channel 3, for an output of coordinates")?;
        check(self.alive.is_none() || overgrowth.is_none(), "alive", alive, "null, for a rule with an overgrowth")?;
        let forms = &self.forms;
        let count = forms.len().to_string();
        check(forms.len() <= Self::MAX_FORMS, "forms", format!("{count} names"), "at most 16 names")?;
        check(forms.is_empty() || overgrowth.is_none(), "forms", count, "none, for a rule with an overgrowth")?;
        for (index, name) in forms.iter().enumerate() {
            let is_new = !name.is_empty() && !forms[..index].contains(name);
            check(is_new, "forms", format!("{name:?}"), "names that differ, and are not empty")?;
        }
        Ok(())
    }
}

impl TryFrom<Map<String, Value>> for Rule {
    type Error = ModelErrorKind;

    /// Reads and validates the JSON object of a file field by field, so that an error names its field.
    fn try_from(mut json: Map<String, Value>) -> Result<Self, Self::Error> {
        let version: u64 = take(&mut json, "version", "the number 1 or 2")?;
        let Some(version) = u32::try_from(version).ok().filter(|version| (1..=Self::VERSION).contains(version)) else {
            return Err(ModelErrorKind::Version { found: version });
        };
        let rule = Self {
            version,
            name: take_or_default(&mut json, "name", "a string")?,
            grid: take(&mut json, "grid", "[width, height] in cells")?,
            channels: take(&mut json, "channels", "a whole number")?,
            hidden: take(&mut json, "hidden", "a whole number")?,
            perception: take(&mut json, "perception", r#"a list of "identity", "sobel_x", "sobel_y", "laplacian""#)?,
            boundary: take(&mut json, "boundary", r#""zero" or "wrap""#)?,
            fire_rate: take(&mut json, "fire_rate", "a number")?,
            step_size: take(&mut json, "step_size", "a number")?,
            clamp: take_or_default(&mut json, "clamp", "a number above 0")?,
            alive: take(&mut json, "alive", r#"null or {"channel": 3, "threshold": 0.1}"#)?,
            output: take(&mut json, "output", r#""premultiplied_alpha", "opaque_centered" or "coordinates""#)?,
            overgrowth: take_or_default(&mut json, "overgrowth", "the second rule as a JSON object")?,
            forms: take_or_default(&mut json, "forms", "a list of names")?,
            mature_ticks: take(&mut json, "mature_ticks", "a whole number")?,
            author: take_or_default(&mut json, "author", "a string")?,
            license: take_or_default(&mut json, "license", "a string")?,
            source: take_or_default(&mut json, "source", "a string")?,
            extra: json,
        };
        rule.validate()?;
        Ok(rule)
    }
}

fn take<T: DeserializeOwned>(
    json: &mut Map<String, Value>,
    field: &'static str,
    expected: &'static str,
) -> Result<T, ModelErrorKind> {
    let Some(value) = json.remove(field) else {
        return Err(ModelErrorKind::field(field, "nothing", expected));
    };
    T::deserialize(&value).map_err(|_| ModelErrorKind::field(field, value.to_string(), expected))
}

fn take_or_default<T: DeserializeOwned + Default>(
    json: &mut Map<String, Value>,
    field: &'static str,
    expected: &'static str,
) -> Result<T, ModelErrorKind> {
    if json.contains_key(field) { take(json, field, expected) } else { Ok(T::default()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(rule: &Rule) -> Map<String, Value> {
        match serde_json::to_value(rule) {
            Ok(Value::Object(map)) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn survives_json_with_its_unknown_keys() {
        let mut rule = Rule { name: "slime".into(), alive: None, ..Rule::default() };
        rule.extra.insert("trained_by".into(), Value::from("me"));
        assert_eq!(Rule::try_from(json(&rule)).unwrap(), rule);
    }

    #[test]
    fn each_bad_field_is_named() {
        for (field, bad) in [
            ("grid", "[0, 4]"),
            ("grid", "[4]"),
            ("channels", "18"),
            ("channels", "-4"),
            ("hidden", "1000"),
            ("perception", "[]"),
            ("perception", r#"["identity", "identity"]"#),
            ("perception", r#"["prewitt"]"#),
            ("boundary", r#""mirror""#),
            ("fire_rate", "0"),
            ("fire_rate", "1.5"),
            ("fire_rate", "1e-10"),
            ("mature_ticks", "0"),
            ("mature_ticks", "4294967295"),
            ("step_size", "null"),
            ("step_size", "1e300"),
            ("clamp", "0"),
            ("clamp", "-1"),
            ("clamp", r#""much""#),
            ("overgrowth", r#""moss""#),
            ("overgrowth.clamp", r#"{"clamp": -1}"#),
            ("alive", "3"),
            ("alive.channel", r#"{"channel": 16, "threshold": 0.1}"#),
            ("alive.threshold", r#"{"channel": 3, "threshold": -1}"#),
            ("output", "null"),
            ("name", "7"),
        ] {
            let mut map = json(&Rule { version: 2, ..Rule::default() });
            let key = field.split('.').next().unwrap();
            map.insert(key.into(), serde_json::from_str(bad).unwrap());
            match Rule::try_from(map) {
                Err(ModelErrorKind::Field { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field} = {bad}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_missing_field_and_another_version_are_named() {
        let mut map = json(&Rule::default());
        map.remove("boundary");
        assert!(matches!(Rule::try_from(map), Err(ModelErrorKind::Field { field: "boundary", .. })));
        let mut map = json(&Rule::default());
        map.insert("version".into(), 3.into());
        assert!(matches!(Rule::try_from(map), Err(ModelErrorKind::Version { found: 3 })));
    }

    #[test]
    fn coordinates_a_clamp_and_an_overgrowth_need_version_2() {
        let coordinates = Rule { version: 2, output: Output::Coordinates, ..Rule::default() };
        let clamped = Rule { version: 2, clamp: Some(0.5), ..Rule::default() };
        let overgrowth = Overgrowth { name: "moss".into(), clamp: Some(1.0), ..Overgrowth::default() };
        let overgrown = Rule { version: 2, alive: None, overgrowth: Some(overgrowth), ..Rule::default() };
        for rule in [&coordinates, &clamped, &overgrown] {
            assert_eq!(Rule::try_from(json(rule)).unwrap(), *rule);
        }
        for (bad, named) in [
            (Rule { version: 1, ..coordinates.clone() }, "version"),
            (Rule { version: 1, ..clamped }, "version"),
            (Rule { alive: None, ..coordinates }, "alive"),
            (Rule { version: 1, ..overgrown.clone() }, "version"),
            (Rule { alive: Some(Alive { channel: 3, threshold: 0.1 }), ..overgrown }, "alive"),
        ] {
            match bad.validate() {
                Err(ModelErrorKind::Field { field, .. }) => assert_eq!(field, named),
                other => panic!("{other:?}"),
            }
        }
    }
}
