//! The slots of a population that need work each frame. The cost of a frame grows with them, not with all slots.

use super::Instance;

/// A set of slots, iterated in ascending order.
#[derive(Debug, Default)]
pub(crate) struct ActiveSet {
    slots: Vec<u32>,
    /// By slot.
    member: Vec<bool>,
    sorted: bool,
}

impl ActiveSet {
    pub(crate) fn insert(&mut self, slot: u32) {
        let index = slot as usize;
        if index >= self.member.len() {
            self.member.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.member[index], true) {
            self.sorted &= self.slots.last().is_none_or(|last| *last < slot);
            self.slots.push(slot);
        }
    }

    /// The slots, in order.
    pub(crate) fn in_order(&mut self) -> &[u32] {
        if !std::mem::replace(&mut self.sorted, true) {
            self.slots.sort_unstable();
        }
        &self.slots
    }

    /// The same set after the instance in slot `moves[i]` has moved to slot `i`. `moves` is sorted.
    pub(crate) fn remapped(&self, moves: &[u32]) -> Self {
        let mut active = Self::default();
        let member = |old: u32| self.member.get(old as usize).is_some_and(|member| *member);
        (0..).zip(moves).filter(|(_, old)| member(**old)).for_each(|(new, _)| active.insert(new));
        active
    }

    /// Drops the slots for which `keeps` is false.
    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(u32) -> bool) {
        let Self { slots, member, .. } = self;
        slots.retain(|&slot| {
            let kept = keeps(slot);
            member[slot as usize] = kept;
            kept
        });
    }
}

/// The items at the indices `places`, which are sorted. `first` is the index of the first item.
pub(crate) fn pick<'a, T>(items: &'a mut [T], first: u32, places: &'a [u32]) -> impl Iterator<Item = (u32, &'a mut T)> {
    let (mut rest, mut next) = (items, first);
    places.iter().filter_map(move |&place| {
        let skipped = place.checked_sub(next)? as usize;
        let (found, after) = std::mem::take(&mut rest).get_mut(skipped..)?.split_first_mut()?;
        (rest, next) = (after, place + 1);
        Some((place, found))
    })
}

/// The instances in some slots. `slots` is sorted.
pub(crate) fn instances_at<'a>(
    instances: &'a mut [Option<Instance>],
    slots: &'a [u32],
) -> impl Iterator<Item = (u32, &'a mut Instance)> {
    pick(instances, 0, slots).filter_map(|(slot, instance)| Some((slot, instance.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_listed_once_and_in_order() {
        let mut active = ActiveSet::default();
        [7, 2, 7, 5, 2].into_iter().for_each(|slot| active.insert(slot));
        assert_eq!(active.in_order(), [2, 5, 7]);
        assert_eq!(active.remapped(&[1, 2, 4, 7, 8]).in_order(), [1, 3]);
        active.retain(|slot| slot != 5);
        [9, 5, 0].into_iter().for_each(|slot| active.insert(slot));
        assert_eq!(active.in_order(), [0, 2, 5, 7, 9]);
    }

    #[test]
    fn items_are_picked_by_their_places() {
        let mut items: Vec<u32> = (10..20).collect();
        let picked: Vec<(u32, u32)> =
            pick(&mut items, 10, &[10, 11, 15, 19, 20]).map(|(place, item)| (place, *item)).collect();
        assert_eq!(picked, [(10, 10), (11, 11), (15, 15), (19, 19)]);
    }
}
