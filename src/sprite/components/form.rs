//! The form of a sprite.

use std::{borrow::Cow, fmt};

use bevy::prelude::*;

use super::NcaTexture;
use crate::{
    rule::{Rule, Shares},
    sprite::simulation::MAX_SHARE,
};

/// A form of a model, by its name in [`Rule::forms`] or by its number there. Names and numbers convert into it.
#[derive(Reflect, Clone, Debug, PartialEq, Eq, Hash)]
#[reflect(Clone, Debug, PartialEq, Hash)]
#[type_path = "bevy_nca"]
pub enum NcaFormName {
    /// Its name.
    Name(Cow<'static, str>),
    /// Its number, from 0.
    Number(usize),
}

impl From<&'static str> for NcaFormName {
    fn from(name: &'static str) -> Self {
        Self::Name(name.into())
    }
}

impl From<String> for NcaFormName {
    fn from(name: String) -> Self {
        Self::Name(name.into())
    }
}

impl From<usize> for NcaFormName {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for NcaFormName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Number(number) => write!(f, "number {number}"),
        }
    }
}

/// A form, or a blend of some, that a sprite has at a tick of an [`NcaForm`].
#[derive(Reflect, Clone, Debug, PartialEq)]
#[reflect(Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaFormStop {
    /// The ticks from when the component was added or changed.
    pub after: u32,
    /// The share of each form that has one. The shares need not add up to 1.
    pub shares: Vec<(NcaFormName, f32)>,
}

/// The form of a sprite whose model has several ([`Rule::forms`]): a slime that is calm, hurt or enraged. A sprite without
/// this component is in the first form.
///
/// Added or changed, it wakes the sprite, whose cells walk over to the other body. [`NcaMorphed`](crate::NcaMorphed) tells
/// when they have arrived. Vitals compare the cells with the form of the largest share. A form that the model does not have
/// is ignored, with a warning. Each change begins a walk from where the sprite is, also one to the same value: netcode that
/// writes components back should write those that differ.
///
/// Sprites of colors change smoothly. A body of coordinates shows the picture of the form of the largest share, wherever its
/// cells live: the picture changes at once, and the body grows into it. Until the cells have arrived, or for twice
/// [`Rule::mature_ticks`], a change is neither a wound nor a reason for [`NcaKillBelow`](super::NcaKillBelow).
///
/// ```
/// # use bevy_nca::prelude::*;
/// // At once, by name or by number.
/// let hurt = NcaForm::new("hurt");
/// let third = NcaForm::new(2);
/// // Between two forms.
/// let uneasy = NcaForm::blend([("calm", 0.7), ("hurt", 0.3)]);
/// // Through several, linearly: hurt after 60 ticks, enraged after another 60.
/// let rage = NcaForm::walk([(60, "hurt"), (120, "enraged")]);
/// ```
#[derive(Component, Reflect, Clone, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaTexture)]
pub struct NcaForm {
    /// The stops of a walk, in the order of their ticks. From the form that the sprite has, it goes to them one after the
    /// other, and remains at the last one. In between, the shares change linearly, every four ticks.
    pub stops: Vec<NcaFormStop>,
}

impl NcaForm {
    /// A form, from the next tick on.
    pub fn new(form: impl Into<NcaFormName>) -> Self {
        Self::walk([(0, form)])
    }

    /// A blend of forms, from the next tick on. The shares need not add up to 1.
    pub fn blend<F: Into<NcaFormName>>(shares: impl IntoIterator<Item = (F, f32)>) -> Self {
        let shares = shares.into_iter().map(|(form, share)| (form.into(), share)).collect();
        Self { stops: vec![NcaFormStop { after: 0, shares }] }
    }

    /// A walk through forms, each given with the ticks after which it is reached.
    pub fn walk<F: Into<NcaFormName>>(stops: impl IntoIterator<Item = (u32, F)>) -> Self {
        let stop = |(after, form): (u32, F)| NcaFormStop { after, shares: vec![(form.into(), 1.0)] };
        Self { stops: stops.into_iter().map(stop).collect() }
    }

    /// The stops for a rule: ticks and shares, in the order of their ticks.
    ///
    /// # Errors
    /// A form that the rule does not have, or a share that is out of range.
    pub(crate) fn resolve(&self, rule: &Rule) -> Result<Vec<(u32, Shares)>, String> {
        let mut stops = Vec::new();
        for NcaFormStop { after, shares } in &self.stops {
            let mut resolved = [0.0; Rule::MAX_FORMS];
            for (form, share) in shares {
                let found = match form {
                    NcaFormName::Name(name) => rule.forms.iter().position(|form| form == name),
                    NcaFormName::Number(number) => Some(*number).filter(|number| *number < rule.forms.len()),
                };
                let Some(number) = found else {
                    return Err(format!("expected one of the forms {:?}, found {form}", rule.forms));
                };
                resolved[number] += share;
                if resolved[number].is_nan() || resolved[number].abs() > MAX_SHARE {
                    return Err(format!("expected a share of {form} within {MAX_SHARE}, found {}", resolved[number]));
                }
            }
            stops.push((*after, resolved));
        }
        stops.sort_by_key(|(after, _)| *after);
        Ok(stops)
    }
}
