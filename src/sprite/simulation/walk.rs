//! The walk of an instance from form to form.

use serde::{Deserialize, Serialize};

use crate::rule::{FIRST_FORM, Shares};

/// The ticks between two changes of the shares.
const STEP: u32 = 4;

/// The largest magnitude of a share.
pub(crate) const MAX_SHARE: f32 = 1e6;

/// The form of an instance, and those that it will have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FormWalk {
    /// The present share of each form.
    pub(crate) shares: Shares,
    /// The stops of the walk, the first of which is its beginning: the age in ticks, and the shares. Empty once the last one
    /// has been reached.
    stops: Vec<(u32, Shares)>,
    /// If the cells have not arrived yet at the form that was asked for last: the age at which the walk has ended, or the
    /// present one.
    arriving: Option<u32>,
}

impl Default for FormWalk {
    /// In the first form.
    fn default() -> Self {
        Self { shares: FIRST_FORM, stops: Vec::new(), arriving: None }
    }
}

impl FormWalk {
    /// Begins a walk at an age, through stops that come some ticks later.
    pub(super) fn begin(&mut self, age: u32, stops: &[(u32, Shares)]) {
        let later = stops.iter().map(|(after, shares)| (age.saturating_add(*after), *shares));
        self.stops = [(age, self.shares)].into_iter().chain(later).collect();
        self.arriving = Some(age);
    }

    /// Whether the cells have not arrived, at this age, at a form that was asked for less than `most` ticks before.
    pub(super) fn is_arriving(&self, age: u32, most: u32) -> bool {
        self.arriving.is_some_and(|ended| age <= ended.saturating_add(most))
    }

    /// Whether it is on its way.
    pub(super) fn is_walking(&self) -> bool {
        !self.stops.is_empty()
    }

    /// Goes on to an age. True if the shares have changed.
    pub(super) fn advance(&mut self, age: u32) -> bool {
        let passed = self.stops.partition_point(|(at, _)| *at <= age);
        let Some((from, start)) = passed.checked_sub(1).and_then(|last| self.stops.get(last)) else { return false };
        let shares = match self.stops.get(passed) {
            Some((to, end)) => {
                // A few ticks at a time, because each change is sent to the engine.
                let share = ((age - from) / STEP * STEP) as f32 / (to - from) as f32;
                std::array::from_fn(|form| start[form] + (end[form] - start[form]) * share)
            }
            None => *start,
        };
        if passed == self.stops.len() {
            self.stops.clear();
        }
        self.arriving = self.arriving.map(|_| age);
        std::mem::replace(&mut self.shares, shares) != shares
    }

    /// The instance has another age. The walk goes on from where it is.
    pub(super) fn set_age(&mut self, from: u32, to: u32) {
        if self.is_walking() {
            let ahead = self.stops.iter().skip(1).filter(|(at, _)| *at >= from);
            let ahead = ahead.map(|(at, shares)| (to.saturating_add(at - from), *shares));
            self.stops = [(to, self.shares)].into_iter().chain(ahead).collect();
        }
        self.arriving = self.arriving.map(|_| to);
    }

    /// Whether the cells arrive: at this age, they were those of the form that was asked for last. True once for each walk.
    pub(super) fn arrives(&mut self, is_there: bool, age: u32) -> bool {
        // Earlier statistics compare with another form.
        let arrives = is_there && !self.is_walking() && self.arriving.is_some_and(|ended| age > ended);
        if arrives {
            self.arriving = None;
        }
        arrives
    }

    /// The walk for a rule with this many forms: that of another rule ends in the first form.
    pub(crate) fn for_forms(self, forms: usize) -> Self {
        let fits = |shares: &Shares| shares.iter().skip(forms.max(1)).all(|share| *share == 0.0);
        let all_fit = fits(&self.shares) && self.stops.iter().all(|(_, shares)| fits(shares));
        if all_fit { self } else { Self::default() }
    }

    /// Whether the shares are within their range, and the stops in order.
    pub(crate) fn is_valid(&self) -> bool {
        let shares = self.stops.iter().map(|(_, shares)| shares).chain([&self.shares]);
        shares.flatten().all(|share| share.abs() <= MAX_SHARE) && self.stops.is_sorted_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(of: &[f32]) -> Shares {
        std::array::from_fn(|form| of.get(form).copied().unwrap_or_default())
    }

    #[test]
    fn a_walk_is_linear_between_its_stops() {
        let mut walk = FormWalk::default();
        assert!(!walk.advance(7), "it is in the first form");
        walk.begin(10, &[(16, shares(&[0.0, 1.0])), (24, shares(&[0.0, 0.0, 2.0]))]);
        let mut seen = Vec::new();
        for age in 10..38 {
            let changed = walk.advance(age);
            assert_eq!(changed, age > 10 && age <= 34 && (age - 10) % 4 == 0, "{age}");
            seen.extend(((age - 10) % 4 == 0).then(|| walk.shares[..3].to_vec()));
            assert_eq!(walk.is_walking(), age < 34);
        }
        let expected = [
            [1.0, 0.0, 0.0],
            [0.75, 0.25, 0.0],
            [0.5, 0.5, 0.0],
            [0.25, 0.75, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.5, 1.0],
            [0.0, 0.0, 2.0],
        ];
        assert_eq!(seen, expected);
        assert!(!walk.arrives(false, 35));
        assert!(!walk.arrives(true, 34), "that was before the last step");
        assert!(walk.is_arriving(44, 10) && !walk.is_arriving(45, 10));
        assert!(walk.arrives(true, 35));
        assert!(!walk.arrives(true, 36), "only once");
        // A rule without the third form.
        assert_eq!(walk.clone().for_forms(3), walk);
        assert_eq!(walk.for_forms(2), FormWalk::default());
    }

    #[test]
    fn a_stop_at_once_is_reached_at_once() {
        let mut walk = FormWalk::default();
        walk.begin(3, &[(0, shares(&[0.0, 1.0]))]);
        assert!(!walk.arrives(true, 4), "not before its tick");
        assert!(walk.advance(3));
        assert_eq!((walk.shares, walk.is_walking()), (shares(&[0.0, 1.0]), false));
        // A walk goes on from where it is, also if its sprite gets another age.
        walk.begin(2, &[(16, FIRST_FORM)]);
        walk.advance(10);
        walk.set_age(10, 100);
        walk.advance(100);
        assert_eq!(walk.shares, shares(&[0.5, 0.5]));
        walk.begin(100, &[(16, shares(&[0.0, 1.0]))]);
        walk.advance(108);
        assert_eq!(walk.shares, shares(&[0.25, 0.75]));
        assert!(walk.is_valid());
    }
}
