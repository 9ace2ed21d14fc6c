//! The slots of a population that need a look each frame: cost grows with them, not with all slots.

use super::occupant::Occupant;

/// A set of slots, iterated in order.
#[derive(Debug, Default)]
pub(super) struct Roster {
    slots: Vec<u32>,
    /// By slot.
    listed: Vec<bool>,
    sorted: bool,
}

impl Roster {
    pub(super) fn insert(&mut self, slot: u32) {
        let index = slot as usize;
        if index >= self.listed.len() {
            self.listed.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.listed[index], true) {
            self.sorted &= self.slots.last().is_none_or(|last| *last < slot);
            self.slots.push(slot);
        }
    }

    /// The slots, in order.
    pub(super) fn in_order(&mut self) -> &[u32] {
        if !std::mem::replace(&mut self.sorted, true) {
            self.slots.sort_unstable();
        }
        &self.slots
    }

    /// The same when whoever was in the slot `moves[i]` has moved to the slot `i`, in order.
    pub(super) fn renumbered(&self, moves: &[u32]) -> Self {
        let mut roster = Self::default();
        let listed = |old: u32| self.listed.get(old as usize).is_some_and(|listed| *listed);
        (0..).zip(moves).filter(|(_, old)| listed(**old)).for_each(|(new, _)| roster.insert(new));
        roster
    }

    /// Drops the slots for which it does not hold.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(u32) -> bool) {
        let Self { slots, listed, .. } = self;
        slots.retain(|&slot| {
            let kept = keeps(slot);
            listed[slot as usize] = kept;
            kept
        });
    }
}

/// The items at some places, which are in order; `first` is the place of the first item.
pub(super) fn pick<'a, T>(items: &'a mut [T], first: u32, places: &'a [u32]) -> impl Iterator<Item = (u32, &'a mut T)> {
    let (mut rest, mut next) = (items, first);
    places.iter().filter_map(move |&place| {
        let skipped = place.checked_sub(next)? as usize;
        let (found, after) = std::mem::take(&mut rest).get_mut(skipped..)?.split_first_mut()?;
        (rest, next) = (after, place + 1);
        Some((place, found))
    })
}

/// The occupants of some slots, which are in order.
pub(super) fn occupants_of<'a>(
    occupants: &'a mut [Option<Occupant>],
    slots: &'a [u32],
) -> impl Iterator<Item = (u32, &'a mut Occupant)> {
    pick(occupants, 0, slots).filter_map(|(slot, occupant)| Some((slot, occupant.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_listed_once_and_in_order() {
        let mut roster = Roster::default();
        [7, 2, 7, 5, 2].into_iter().for_each(|slot| roster.insert(slot));
        assert_eq!(roster.in_order(), [2, 5, 7]);
        assert_eq!(roster.renumbered(&[1, 2, 4, 7, 8]).in_order(), [1, 3]);
        roster.retain(|slot| slot != 5);
        [9, 5, 0].into_iter().for_each(|slot| roster.insert(slot));
        assert_eq!(roster.in_order(), [0, 2, 5, 7, 9]);
    }

    #[test]
    fn items_are_picked_by_their_places() {
        let mut items: Vec<u32> = (10..20).collect();
        let picked: Vec<(u32, u32)> =
            pick(&mut items, 10, &[10, 11, 15, 19, 20]).map(|(place, item)| (place, *item)).collect();
        assert_eq!(picked, [(10, 10), (11, 11), (15, 15), (19, 19)]);
    }
}
