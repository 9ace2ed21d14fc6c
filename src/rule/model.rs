//! Models: a rule, its weights and an optional target picture.

use super::{Boundary, ModelErrorKind, Output, Overgrowth, Rule, Target, all_of};

/// The weights of the two dense layers, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// `[features, hidden]`. Feature `k * channels + c` is channel `c` under kernel `k`.
    pub hidden_weight: Vec<f32>,
    /// `[hidden]`
    pub hidden_bias: Vec<f32>,
    /// `[hidden, channels]`
    pub output_weight: Vec<f32>,
    /// `[channels]`
    pub output_bias: Vec<f32>,
    /// `[forms, hidden]`: what each form adds to the hidden bias. Empty for a rule without forms.
    pub form_bias: Vec<f32>,
}

impl Weights {
    pub(crate) const NAMES: [&'static str; 5] =
        ["hidden.weight", "hidden.bias", "output.weight", "output.bias", "forms.bias"];

    /// The names of the tensors of an overgrowth.
    pub(crate) const OVERGROWTH_NAMES: [&'static str; 5] = [
        "overgrowth.hidden.weight",
        "overgrowth.hidden.bias",
        "overgrowth.output.weight",
        "overgrowth.output.bias",
        "overgrowth.forms.bias",
    ];

    /// The shapes that a rule requires, in the order of [`Self::NAMES`].
    pub(crate) fn shapes(rule: &Rule) -> [Vec<usize>; 5] {
        let Rule { hidden, channels, .. } = *rule;
        let forms = vec![rule.forms.len(), hidden];
        [vec![rule.features(), hidden], vec![hidden], vec![hidden, channels], vec![channels], forms]
    }

    /// The bias of the hidden layer in a form: `shares` are the shares of the forms. `None` for a rule without forms.
    pub(crate) fn bias_in(&self, shares: &[f32]) -> Option<Vec<f32>> {
        if self.form_bias.is_empty() {
            return None;
        }
        let mut bias = self.hidden_bias.clone();
        for (form, share) in self.form_bias.chunks_exact(bias.len()).zip(shares) {
            bias.iter_mut().zip(form).for_each(|(bias, form)| *bias += share * form);
        }
        Some(bias)
    }

    /// The weights for this many forms. New ones begin as the first one, if there is one.
    #[cfg(feature = "train")]
    pub(crate) fn with_forms(&self, forms: usize) -> Self {
        let width = self.hidden_bias.len();
        if forms == 0 {
            let hidden_bias = self.bias_in(&[1.0]).unwrap_or_else(|| self.hidden_bias.clone());
            return Self { hidden_bias, form_bias: Vec::new(), ..self.clone() };
        }
        let first = self.form_bias.get(..width).map_or(vec![0.0; width], <[f32]>::to_vec);
        let form_bias = self.form_bias.iter().chain(first.iter().cycle()).take(forms * width).copied().collect();
        Self { form_bias, ..self.clone() }
    }

    #[cfg(feature = "train")]
    pub(crate) fn tensors_mut(&mut self) -> [&mut [f32]; 5] {
        let Self { hidden_weight, hidden_bias, output_weight, output_bias, form_bias } = self;
        [hidden_weight, hidden_bias, output_weight, output_bias, form_bias]
    }

    pub(crate) fn tensors(&self) -> [&[f32]; 5] {
        let Self { hidden_weight, hidden_bias, output_weight, output_bias, form_bias } = self;
        [hidden_weight, hidden_bias, output_weight, output_bias, form_bias]
    }

    fn validate(&self, rule: &Rule, names: [&'static str; 5]) -> Result<(), ModelErrorKind> {
        for ((tensor, data), shape) in names.into_iter().zip(self.tensors()).zip(Self::shapes(rule)) {
            if data.len() != shape.iter().product::<usize>() {
                return Err(ModelErrorKind::Shape { tensor, found: vec![data.len()], expected: format!("{shape:?}") });
            }
            if let Some(index) = data.iter().position(|weight| !weight.is_finite()) {
                return Err(ModelErrorKind::NonFinite { tensor, index, found: data[index] });
            }
        }
        Ok(())
    }
}

/// A validated rule with its weights: the shapes match the rule and every weight is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    rule: Rule,
    weights: Weights,
    /// Those of the rule's overgrowth.
    overgrowth: Option<Weights>,
    /// One for each form, of the same size; or none.
    targets: Vec<Target>,
    fingerprint: u64,
}

impl Model {
    /// Builds and validates a model.
    ///
    /// # Errors
    /// A field of the rule is out of range, the shape of a tensor does not match the rule, a weight
    /// is not finite, or a target does not fit the grid. A model has no target, or one for each form, all of the same size; a
    /// model of coordinates must have them. A rule with an overgrowth needs the weights of [`Model::with_overgrowth`].
    pub fn new(
        rule: Rule,
        weights: Weights,
        targets: impl IntoIterator<Item = Target>,
    ) -> Result<Self, ModelErrorKind> {
        Self::with_tables(rule, weights, None, targets.into_iter().collect())
    }

    /// Like [`Model::new`], with the weights of the rule's overgrowth.
    pub(super) fn with_tables(
        rule: Rule,
        weights: Weights,
        overgrowth: Option<Weights>,
        targets: Vec<Target>,
    ) -> Result<Self, ModelErrorKind> {
        rule.validate()?;
        weights.validate(&rule, Weights::NAMES)?;
        let overgrowth = overgrowth.filter(|_| rule.overgrowth.is_some());
        match &overgrowth {
            Some(overgrowth) => overgrowth.validate(&rule, Weights::OVERGROWTH_NAMES)?,
            None if rule.overgrowth.is_some() => {
                let [expected, ..] = Weights::shapes(&rule);
                return Err(ModelErrorKind::MissingTensor { tensor: Weights::OVERGROWTH_NAMES[0], expected });
            }
            None => {}
        }
        validate_targets(&rule, &targets)?;
        let fingerprint = fingerprint(&rule, &weights, overgrowth.as_ref());
        Ok(Self { rule, weights, overgrowth, targets, fingerprint })
    }

    /// Returns the model with a second rule, which cells follow that are painted with it: moss on a wall, for example. It
    /// replaces an earlier one. Of the second model, only the weights, the clamp, the name, the author, the license and the
    /// source are kept. Snapshots of the model fit the new one if it keeps its name.
    ///
    /// ```
    /// use bevy_nca::rule::Model;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let [bricks, moss] = ["bricks", "moss"].map(|name| Model::read(format!("assets/materials/{name}.nca")));
    /// let mossy = bricks?.with_overgrowth(&moss?)?;
    /// # assert!(mossy.overgrowth().is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ModelErrorKind::Field`] if one of the rules has a life mask, or if they differ in more than their weights and
    /// clamps: in the sizes of the layers, the perception, the boundary, the fire rate, the step size or the output.
    pub fn with_overgrowth(mut self, other: &Self) -> Result<Self, ModelErrorKind> {
        let (own, second) = (&mut self.rule, &other.rule);
        if let Some(alive) = own.alive.or(second.alive) {
            let found = format!("channel {}", alive.channel);
            return Err(ModelErrorKind::field("alive", found, "null in both models, for an overgrowth"));
        }
        macro_rules! expect_same {
            ($($field:ident),*) => {$(
                if own.$field != second.$field {
                    let found = format!("{:?} for {:?}", second.$field, own.$field);
                    let expected = "the same as in the model that is overgrown";
                    return Err(ModelErrorKind::field(stringify!($field), found, expected));
                }
            )*};
        }
        expect_same!(channels, hidden, perception, boundary, fire_rate, step_size, output);
        let Rule { name, clamp, author, license, source, .. } = second.clone();
        own.version = Rule::VERSION;
        own.overgrowth = Some(Overgrowth { name, clamp, author, license, source });
        Self::with_tables(self.rule, self.weights, Some(other.weights.clone()), self.targets)
    }

    /// The rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The weights.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The second rule as a model of its own.
    pub(crate) fn overgrowth_alone(&self) -> Option<Self> {
        let (weights, second) = self.overgrowth.clone().zip(self.rule.overgrowth.clone())?;
        let rule = Rule { clamp: second.clamp, overgrowth: None, ..self.rule.clone() };
        Self::new(rule, weights, []).ok()
    }

    /// The weights of the second rule, if the model has one.
    pub fn overgrowth(&self) -> Option<&Weights> {
        self.overgrowth.as_ref()
    }

    /// The weights and the clamp of the second rule, if the model has one.
    pub(crate) fn overgrowth_table(&self) -> Option<(&Weights, Option<f32>)> {
        Some((self.overgrowth.as_ref()?, self.rule.overgrowth.as_ref()?.clamp))
    }

    /// The picture that the sprite grows into, if the model has one: that of the first form.
    pub fn target(&self) -> Option<&Target> {
        self.targets.first()
    }

    /// The pictures of all forms, of the same size; one for a rule without forms. Empty if the model has none.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// A hash of the weights and the rule, without the name, grid and other fields that do not
    /// affect growth. The target is ignored too. The hash is the same on every machine and in every
    /// version.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Returns the model with its rule changed by `edit`, which is meant for descriptive fields.
    ///
    /// # Errors
    /// As [`Model::new`], for example if `edit` changed a size.
    pub fn map_rule(mut self, edit: impl FnOnce(&mut Rule)) -> Result<Self, ModelErrorKind> {
        edit(&mut self.rule);
        Self::with_tables(self.rule, self.weights, self.overgrowth, self.targets)
    }

    /// The model of one form alone, which has no others. The model itself if it has no forms.
    ///
    /// # Errors
    /// [`ModelErrorKind::Field`] if it does not have that form.
    pub fn in_form(&self, form: usize) -> Result<Self, ModelErrorKind> {
        let count = self.rule.forms.len();
        if count == 0 && form == 0 {
            return Ok(self.clone());
        }
        if form >= count {
            return Err(ModelErrorKind::field("forms", format!("{count} forms"), "a form of this number"));
        }
        let hidden_bias = self.weights.bias_in(&all_of(form)).unwrap_or_default();
        let weights = Weights { hidden_bias, form_bias: Vec::new(), ..self.weights.clone() };
        let mut rule = self.rule.clone();
        rule.name = format!("{} {}", rule.name, rule.forms[form]);
        rule.forms.clear();
        Self::new(rule, weights, self.targets.get(form).cloned())
    }

    /// Returns the model with other targets: none, or one for each form.
    ///
    /// # Errors
    /// As [`Model::new`], if a picture does not fit the grid.
    pub fn with_target(self, targets: impl IntoIterator<Item = Target>) -> Result<Self, ModelErrorKind> {
        Self::with_tables(self.rule, self.weights, self.overgrowth, targets.into_iter().collect())
    }
}

/// Checks that there is no target, or one for each form, and that all have the same size, which fits the grid.
fn validate_targets(rule: &Rule, targets: &[Target]) -> Result<(), ModelErrorKind> {
    let [w, h] = rule.grid.map(|side| side as usize);
    let wrong = |found, expected| Err(ModelErrorKind::Shape { tensor: "target", found, expected });
    let Some(Target { width, height, .. }) = targets.first() else {
        return match rule.output {
            Output::Coordinates => Err(ModelErrorKind::MissingTensor { tensor: "target", expected: vec![h, w, 4] }),
            Output::PremultipliedAlpha | Output::OpaqueCentered => Ok(()),
        };
    };
    let forms = rule.forms.len();
    if targets.len() != forms.max(1) {
        return wrong(
            vec![targets.len(), *height, *width, 4],
            format!("[{forms}, height, width, 4], one for each form"),
        );
    }
    for target in targets {
        let found = || vec![target.height, target.width, 4];
        if [target.width, target.height] != [*width, *height] {
            return wrong(found(), format!("[{height}, {width}, 4], as the first form"));
        }
        let sizes_fit = (1..=w).contains(width) && (1..=h).contains(height);
        if !sizes_fit || target.rgba.len() != width * height * 4 {
            return wrong(found(), format!("[1..={h}, 1..={w}, 4], to fit the grid"));
        }
    }
    Ok(())
}

fn fingerprint(rule: &Rule, weights: &Weights, overgrowth: Option<&Weights>) -> u64 {
    let Rule { channels, hidden, perception, boundary, fire_rate, step_size, alive, output, .. } = rule;
    let kernels: Vec<[[f32; 3]; 3]> = perception.iter().map(|kernel| kernel.weights()).collect();
    let wraps = *boundary == Boundary::Wrap;
    let alive = alive.map(|alive| (alive.channel, alive.threshold.to_bits()));
    let opaque = match output {
        Output::PremultipliedAlpha => "false",
        Output::OpaqueCentered => "true",
        Output::Coordinates => "coordinates",
    };
    let (fire_rate, step_size) = (fire_rate.to_bits(), step_size.to_bits());
    let rule = format!("{channels} {hidden} {kernels:?} {wraps} {fire_rate} {step_size} {alive:?} {opaque}");
    let weights = [weights].into_iter().chain(overgrowth).flat_map(Weights::tensors).flatten();
    let weights = weights.flat_map(|weight| weight.to_le_bytes());
    fnv1a(FNV_START, rule.bytes().chain(weights))
}

/// The initial hash: the FNV-1a offset basis.
pub(crate) const FNV_START: u64 = 0xCBF2_9CE4_8422_2325;

/// Continues a 64-bit FNV-1a hash, which is the same on every machine and in every version.
pub(crate) fn fnv1a(hash: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
