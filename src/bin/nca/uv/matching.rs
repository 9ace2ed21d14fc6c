//! Finds where the pixels of a picture lie in another picture of the same thing, which has moved.
//!
//! It is a generalized PatchMatch (Barnes, Shechtman, Goldman and Finkelstein, "The Generalized PatchMatch Correspondence
//! Algorithm", 2010): a window around each pixel, moved and turned, is compared with the other picture. Good guesses spread
//! from pixel to pixel, and random ones around them are tried. Unlike there, neighbors pull each other: what is flat has no
//! features, and moves with its outline.

/// A picture: colors premultiplied by alpha, 0 to 1.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[f32; 4]>,
}

/// Where a pixel lies in the other picture, in pixels from its center.
#[derive(Clone, Copy)]
pub struct Match {
    pub to: [f32; 2],
    /// How far it has turned on the way, in radians.
    turn: f32,
}

/// A match for each visible pixel.
pub type Matches = Vec<Option<Match>>;

/// The cost of a move by the side of a picture, and of a turn by one radian.
const MOVE: f32 = 0.4;
const TURN: f32 = 0.004;
/// The cost of a neighbor that lies elsewhere, and the distance in pixels from which it is the same how far.
const APART: f32 = 0.15;
const FAR: f32 = 4.0;
/// The alpha from which a pixel is visible.
const VISIBLE: f32 = 0.1;
/// How often the guesses are improved.
const PASSES: usize = 8;

impl Picture {
    fn at(&self, [x, y]: [f32; 2]) -> [f32; 4] {
        let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
        let found = self.pixels.get(y as usize * self.width + x as usize).filter(|_| inside);
        found.copied().unwrap_or_default()
    }
}

/// Finds the visible pixels of `picture` in `other`. `hints` are the matches of a similar picture.
pub fn find(picture: &Picture, other: &Picture, hints: Option<&Matches>, random: &mut fastrand::Rng) -> Matches {
    let search = Search::new(picture, other);
    let mut found: Matches = picture.pixels.iter().map(|_| None).collect();
    for (index, _) in picture.pixels.iter().enumerate().filter(|(_, pixel)| pixel[3] > VISIBLE) {
        let hint = hints.and_then(|hints| hints[index]);
        found[index] = hint.or(Some(Match { to: search.center(index), turn: 0.0 }));
    }
    for pass in 0..PASSES {
        for step in 0..found.len() {
            // Every other pass goes backwards.
            let index = if pass % 2 == 0 { step } else { found.len() - 1 - step };
            if found[index].is_some() {
                search.improve(&mut found, index, pass, random);
            }
        }
    }
    found
}

struct Search<'a> {
    picture: &'a Picture,
    other: &'a Picture,
    /// The offsets of the pixels of a window.
    window: Vec<[f32; 2]>,
    side: f32,
}

impl<'a> Search<'a> {
    fn new(picture: &'a Picture, other: &'a Picture) -> Self {
        let side = picture.width.max(picture.height) as f32;
        // About 40 pixels of a disc, whatever its size.
        let radius = (side / 32.0).clamp(2.0, 12.0);
        let step = (radius / 3.5).max(1.0);
        let steps = (radius / step) as i32;
        let offsets = (-steps..=steps).flat_map(|y| (-steps..=steps).map(move |x| [x as f32 * step, y as f32 * step]));
        let window = offsets.filter(|[x, y]| x.hypot(*y) <= radius + 0.5).collect();
        Self { picture, other, window, side }
    }

    fn center(&self, index: usize) -> [f32; 2] {
        [(index % self.picture.width) as f32 + 0.5, (index / self.picture.width) as f32 + 0.5]
    }

    /// The cost of a match of a pixel.
    fn cost(&self, found: &Matches, index: usize, to: [f32; 2], turn: f32) -> f32 {
        let here = self.center(index);
        let (sin, cos) = turn.sin_cos();
        let turned = |[x, y]: [f32; 2]| [x * cos - y * sin, x * sin + y * cos];
        let mut unlike = 0.0;
        for offset in &self.window {
            let there = turned(*offset);
            let a = self.picture.at([here[0] + offset[0], here[1] + offset[1]]);
            let b = self.other.at([to[0] + there[0], to[1] + there[1]]);
            unlike += (0..4).map(|channel| (a[channel] - b[channel]) * (a[channel] - b[channel])).sum::<f32>();
        }
        // Where it would lie if it moved with its neighbors.
        let mut apart = 0.0;
        for (neighbor, offset) in self.neighbors(index) {
            if let Some(found) = &found[neighbor] {
                let expected = carried(found, offset);
                let distance = (to[0] - expected[0]).hypot(to[1] - expected[1]);
                apart += (distance / FAR).min(1.0);
            }
        }
        let moved = (to[0] - here[0]).hypot(to[1] - here[1]) / self.side;
        unlike / self.window.len() as f32 + apart * APART / 4.0 + MOVE * moved * moved + TURN * turn * turn
    }

    /// The pixels beside a pixel, and the way from them to it.
    fn neighbors(&self, index: usize) -> impl Iterator<Item = (usize, [f32; 2])> {
        let (width, height) = (self.picture.width, self.picture.height);
        let (x, y) = (index % width, index / width);
        let beside = [
            (x > 0).then(|| (index - 1, [1.0, 0.0])),
            (x + 1 < width).then(|| (index + 1, [-1.0, 0.0])),
            (y > 0).then(|| (index - width, [0.0, 1.0])),
            (y + 1 < height).then(|| (index + width, [0.0, -1.0])),
        ];
        beside.into_iter().flatten()
    }

    /// Tries the matches of the neighbors, and others around the present one.
    fn improve(&self, found: &mut Matches, index: usize, pass: usize, random: &mut fastrand::Rng) {
        let Some(Match { to, turn }) = found[index] else { return };
        let consider = |to_now: [f32; 2], turn_now: f32, best: &mut ([f32; 2], f32, f32)| {
            let other = self.other.at(to_now);
            if other[3] > VISIBLE {
                let now = self.cost(found, index, to_now, turn_now);
                if now < best.2 {
                    *best = (to_now, turn_now, now);
                }
            }
        };
        let mut best = (to, turn, self.cost(found, index, to, turn));
        for (neighbor, offset) in self.neighbors(index) {
            if let Some(neighbor) = &found[neighbor] {
                consider(carried(neighbor, offset), neighbor.turn, &mut best);
            }
        }
        // Ever smaller steps around the best one.
        let mut reach = if pass == 0 { self.side / 3.0 } else { self.side / 8.0 };
        while reach > 0.3 {
            let mut step = || (random.f32() * 2.0 - 1.0) * reach;
            let to = [best.0[0] + step(), best.0[1] + step()];
            let turn = best.1 + (random.f32() * 2.0 - 1.0) * (reach / self.side * 6.0).min(1.2);
            consider(to, turn, &mut best);
            reach *= 0.55;
        }
        let (to, turn, _) = best;
        found[index] = Some(Match { to, turn });
    }
}

/// Where a pixel lies that moves with a neighbor; `offset` is the way from the neighbor to it.
fn carried(neighbor: &Match, [x, y]: [f32; 2]) -> [f32; 2] {
    let (sin, cos) = neighbor.turn.sin_cos();
    [neighbor.to[0] + x * cos - y * sin, neighbor.to[1] + x * sin + y * cos]
}
