//! The rule as its file states it: sizes, perception, boundary, rates.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{FireRate, error::ModelErrorKind};

/// Sizes that a rule may have.
const CHANNELS: std::ops::RangeInclusive<usize> = 8..=32;
const HIDDEN: std::ops::RangeInclusive<usize> = 16..=256;

/// A 3x3 kernel of the perception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// The cell itself.
    Identity,
    /// The horizontal gradient, `[-1 0 1; -2 0 2; -1 0 1] / 8`.
    SobelX,
    /// The vertical gradient, the transpose of [`Kernel::SobelX`]; y grows downwards.
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

/// Cosine and sine of the angle by which the gradients are rotated, the same for every engine.
pub(crate) fn rotation(angle: f32) -> (f32, f32) {
    let angle = f64::from(angle);
    (angle.cos() as f32, angle.sin() as f32)
}

/// What lies beyond the edge of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// Zeros.
    Zero,
    /// The opposite edge: the grid is a torus.
    Wrap,
}

impl Boundary {
    /// The index that lies `delta` (-1, 0 or 1) from `at` on an axis of `len` cells, if any.
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

/// The life mask: which channel says that a cell is alive, and from what value on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alive {
    /// The channel, usually 3 (alpha).
    pub channel: usize,
    /// A cell is mature if its channel is above this, usually 0.1.
    pub threshold: f32,
}

/// How channels 0..4 become a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Red, green and blue premultiplied by alpha: sprites.
    PremultipliedAlpha,
    /// Red, green and blue about 0.5, alpha 1: textures.
    OpaqueCentered,
}

/// The rule of an automaton without its weights: the JSON of a `.nca` file's `nca` key.
///
/// A `Rule` that came out of a file or out of [`Rule::validate`] is within the ranges below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Rule {
    /// The version of the format: [`Rule::VERSION`].
    pub version: u32,
    /// A name for people.
    pub name: String,
    /// Width and height of the grid it was made for, in cells, 1..=1024 each.
    pub grid: [u32; 2],
    /// Channels of a cell: a multiple of 4, 8..=32.
    pub channels: usize,
    /// Width of the hidden layer: a multiple of 4, 16..=256.
    pub hidden: usize,
    /// The kernels of the perception, each at most once, in the order of the weights' rows.
    pub perception: Vec<Kernel>,
    /// What lies beyond the edge.
    pub boundary: Boundary,
    /// The probability that a cell fires at a tick, 2^-32 to 1.
    pub fire_rate: f64,
    /// What an update is multiplied by before it is added; finite.
    pub step_size: f32,
    /// The life mask; `None` for textures, in which every cell lives.
    pub alive: Option<Alive>,
    /// How a cell becomes a pixel.
    pub output: Output,
    /// Ticks after which a seed is grown, 1..=100,000.
    pub mature_ticks: u32,
    /// Who made it.
    pub author: String,
    /// Under which licence.
    pub license: String,
    /// Where it came from.
    pub source: String,
    /// Keys of the file that this version does not know; they are kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Default for Rule {
    /// The rule of the article: a 40x40 grid, 16 channels, 128 hidden units, half of the cells firing.
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            name: String::new(),
            grid: [40, 40],
            channels: 16,
            hidden: 128,
            perception: vec![Kernel::Identity, Kernel::SobelX, Kernel::SobelY],
            boundary: Boundary::Zero,
            fire_rate: 0.5,
            step_size: 1.0,
            alive: Some(Alive { channel: 3, threshold: 0.1 }),
            output: Output::PremultipliedAlpha,
            mature_ticks: 96,
            author: String::new(),
            license: String::new(),
            source: String::new(),
            extra: Map::new(),
        }
    }
}

impl Rule {
    /// The version of the format that this crate reads and writes.
    pub const VERSION: u32 = 1;

    /// Cells that a side of a grid may have.
    pub const SIDES: std::ops::RangeInclusive<u32> = 1..=1024;

    /// Ticks that a seed may take to grow.
    pub const MATURE_TICKS: std::ops::RangeInclusive<u32> = 1..=100_000;

    /// With less, no cell would ever fire: see [`FireRate`].
    const LEAST_FIRE_RATE: f64 = 1.0 / 4_294_967_296.0;

    /// Features that a cell perceives: kernels times channels.
    pub fn features(&self) -> usize {
        self.perception.len() * self.channels
    }

    /// The [`fire_rate`](Self::fire_rate) as a threshold.
    pub fn firing(&self) -> FireRate {
        FireRate::new(self.fire_rate)
    }

    /// Checks every range stated above.
    ///
    /// # Errors
    /// [`ModelErrorKind::Field`] names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ModelErrorKind> {
        let check = |good, field, found: String, wanted| {
            if good { Ok(()) } else { Err(ModelErrorKind::field(field, found, wanted)) }
        };
        if self.version != Self::VERSION {
            return Err(ModelErrorKind::Version { found: u64::from(self.version) });
        }
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
        let fires = self.fire_rate <= 1.0 && self.fire_rate >= Self::LEAST_FIRE_RATE;
        check(fires, "fire_rate", self.fire_rate.to_string(), "at least 2^-32 and at most 1")?;
        check(
            Self::MATURE_TICKS.contains(&self.mature_ticks),
            "mature_ticks",
            self.mature_ticks.to_string(),
            "1 to 100000 ticks",
        )?;
        check(self.step_size.is_finite(), "step_size", self.step_size.to_string(), "a finite number")?;
        if let Some(alive) = self.alive {
            check(
                alive.channel < self.channels,
                "alive.channel",
                alive.channel.to_string(),
                "less than the number of channels",
            )?;
            // A dead neighbourhood (all zeros, or nothing beyond the edge) must not count as alive.
            check(
                alive.threshold.is_finite() && alive.threshold >= 0.0,
                "alive.threshold",
                alive.threshold.to_string(),
                "a finite number, 0 or more",
            )?;
        }
        Ok(())
    }
}

impl TryFrom<Map<String, Value>> for Rule {
    type Error = ModelErrorKind;

    /// Reads and validates the JSON object of a file, field by field, so that errors name the field.
    fn try_from(mut json: Map<String, Value>) -> Result<Self, Self::Error> {
        let version: u64 = take(&mut json, "version", "the number 1")?;
        if version != u64::from(Self::VERSION) {
            return Err(ModelErrorKind::Version { found: version });
        }
        let rule = Self {
            version: Self::VERSION,
            name: take_or_default(&mut json, "name", "a string")?,
            grid: take(&mut json, "grid", "[width, height] in cells")?,
            channels: take(&mut json, "channels", "a whole number")?,
            hidden: take(&mut json, "hidden", "a whole number")?,
            perception: take(&mut json, "perception", r#"a list of "identity", "sobel_x", "sobel_y", "laplacian""#)?,
            boundary: take(&mut json, "boundary", r#""zero" or "wrap""#)?,
            fire_rate: take(&mut json, "fire_rate", "a number")?,
            step_size: take(&mut json, "step_size", "a number")?,
            alive: take(&mut json, "alive", r#"null or {"channel": 3, "threshold": 0.1}"#)?,
            output: take(&mut json, "output", r#""premultiplied_alpha" or "opaque_centered""#)?,
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
    wanted: &'static str,
) -> Result<T, ModelErrorKind> {
    let Some(value) = json.remove(field) else {
        return Err(ModelErrorKind::field(field, "nothing", wanted));
    };
    T::deserialize(&value).map_err(|_| ModelErrorKind::field(field, value.to_string(), wanted))
}

fn take_or_default<T: DeserializeOwned + Default>(
    json: &mut Map<String, Value>,
    field: &'static str,
    wanted: &'static str,
) -> Result<T, ModelErrorKind> {
    if json.contains_key(field) { take(json, field, wanted) } else { Ok(T::default()) }
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
            ("alive", "3"),
            ("alive.channel", r#"{"channel": 16, "threshold": 0.1}"#),
            ("alive.threshold", r#"{"channel": 3, "threshold": -1}"#),
            ("output", "null"),
            ("name", "7"),
        ] {
            let mut map = json(&Rule::default());
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
        map.insert("version".into(), 2.into());
        assert!(matches!(Rule::try_from(map), Err(ModelErrorKind::Version { found: 2 })));
    }
}
