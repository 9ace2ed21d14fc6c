//! Which cells of an instance live, as far as the main world knows.

use crate::rule::CellMask;

/// What was read back of the living cells of an instance, and what they have lost since then.
#[derive(Debug, Default)]
pub(crate) struct KnownLife {
    seen: Option<CellMask>,
    /// Cells that an edit before the tick of this age has taken.
    lost: Vec<(u32, CellMask)>,
    /// A wound has come while nothing was known.
    is_overdue: bool,
}

impl KnownLife {
    /// The living cells as counted at an age, after all ticks before it.
    pub(crate) fn see(&mut self, age: u32, cells: CellMask) {
        self.lost.retain(|(tick, _)| *tick >= age);
        self.seen = Some(cells);
    }

    /// Cells are taken before the tick of an age.
    pub(super) fn lose(&mut self, age: u32, cells: &CellMask) {
        self.is_overdue |= self.seen.is_none();
        match self.lost.last_mut() {
            Some((tick, lost)) if *tick == age => lost.union(cells),
            _ => self.lost.push((age, cells.clone())),
        }
    }

    /// A wound strikes cells that are on their way, before the tick of an age.
    pub(super) fn miss(&mut self, age: u32, cells: &CellMask) {
        self.lose(age, cells);
        self.is_overdue = true;
    }

    /// Whether a wound has come while nothing was known, and now something is. Forgets it.
    pub(super) fn take_overdue(&mut self) -> bool {
        self.seen.is_some() && std::mem::take(&mut self.is_overdue)
    }

    /// The cells that probably live.
    pub(crate) fn living(&self) -> Option<CellMask> {
        let mut cells = self.seen.clone()?;
        self.lost.iter().for_each(|(_, lost)| cells.subtract(lost));
        Some(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_since_the_last_look_is_gone() {
        let row = |cells: &[usize]| CellMask::from_fn(8, 1, |cell| cells.contains(cell));
        let mut life = KnownLife::default();
        life.lose(3, &row(&[0]));
        assert!(life.living().is_none() && !life.take_overdue());
        life.see(3, row(&[0, 1, 2, 3]));
        assert_eq!(life.living(), Some(row(&[1, 2, 3])), "the look came before the tick of age 3");
        assert!(life.take_overdue() && !life.take_overdue());
        life.lose(5, &row(&[2]));
        life.see(4, row(&[1, 2, 3]));
        assert_eq!(life.living(), Some(row(&[1, 3])));
        life.see(6, row(&[1, 2, 3]));
        assert_eq!(life.living(), Some(row(&[1, 2, 3])), "it has grown again");
    }
}
