//! Generic bodies: trained shapes in which any picture can live, without training.
//!
//! They are trained like any other model, from the pictures in `assets/targets/bodies`. Tall bodies are wide ones,
//! transposed.

use std::fmt;

use super::{Model, ModelErrorKind, SkinArt, Target};

/// The largest side of a frame that is laid out on a body, in pixels.
const MOST_LAID_OUT: usize = 256;

/// A trained body of coordinates in a common shape.
///
/// The alpha of a picture masks the body, so a sprite shows and heals any picture that fits the shape. The cells beside the
/// picture live too. Training a body of its own makes a sprite grow along its silhouette.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GenericBody {
    /// A square.
    Square,
    /// A rectangle, twice as wide as high.
    Wide,
    /// A rectangle, three times as wide as high.
    VeryWide,
    /// A rectangle, twice as high as wide.
    Tall,
    /// A rectangle, three times as high as wide.
    VeryTall,
    /// A disc.
    Disc,
}

impl GenericBody {
    /// The body whose shape is the most similar to the visible part of a picture: by its aspect, and a disc if the corners
    /// of a square are transparent.
    pub fn fitting(picture: &Target) -> Self {
        let picture = &picture.cut(picture.visible_bounds());
        let aspect = (picture.width.max(1) as f32 / picture.height.max(1) as f32).log2();
        let rectangles = [Self::VeryWide, Self::Wide, Self::Square, Self::Tall, Self::VeryTall];
        let distance = |body: &Self| (body.aspect().log2() - aspect).abs();
        let nearest = rectangles.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        match nearest.unwrap_or(Self::Square) {
            Self::Square if is_round(picture) => Self::Disc,
            nearest => nearest,
        }
    }

    /// The width divided by the height.
    pub fn aspect(self) -> f32 {
        match self {
            Self::Square | Self::Disc => 1.0,
            Self::Wide => 2.0,
            Self::VeryWide => 3.0,
            Self::Tall => 1.0 / 2.0,
            Self::VeryTall => 1.0 / 3.0,
        }
    }

    /// The body as a model with the visible part of a picture as its target, centered in the lattice of the body with its
    /// own aspect. It is reduced by area, and enlarged by whole factors only. Name, author, license and source of the model
    /// are empty.
    ///
    /// # Errors
    /// [`ModelErrorKind::Shape`] if the picture has no pixels, or their number is not that of its size.
    pub fn with_picture(self, picture: &Target) -> Result<Model, ModelErrorKind> {
        Ok(self.with_art(picture)?.0)
    }

    /// The body as a model, and a picture as the art of its skin. The model is that of [`with_picture`](Self::with_picture).
    ///
    /// # Errors
    /// See [`with_picture`](Self::with_picture).
    pub fn with_art(self, picture: &Target) -> Result<(Model, SkinArt), ModelErrorKind> {
        self.with_art_in(picture, picture.visible_bounds())
    }

    /// The body for all frames of a sheet: that of their union. If there are `uvs`, the UV sheets of the frames, they are laid
    /// out on the body, which also covers the frames as they are.
    ///
    /// # Errors
    /// See [`with_picture`](Self::with_picture). [`ModelErrorKind::Shape`] too if there are `uvs`, but not one for each frame.
    pub fn for_frames(frames: &[Target], uvs: &[Target]) -> Result<(Model, SkinArt), ModelErrorKind> {
        let union = Target::union(frames.iter().cloned());
        if uvs.is_empty() {
            return Self::fitting(&union).with_art(&union);
        }
        if uvs.len() != frames.len() {
            let expected = format!("{} UV sheets", frames.len());
            return Err(ModelErrorKind::Shape { tensor: "uvs", found: vec![uvs.len()], expected });
        }
        // A body is much coarser than large art.
        let small = |picture: &Target| {
            let longest = picture.width.max(picture.height);
            if longest <= MOST_LAID_OUT {
                return picture.clone();
            }
            let side = |side: usize| (side * MOST_LAID_OUT).div_ceil(longest);
            picture.scaled_by_area(side(picture.width), side(picture.height))
        };
        let body = Target::union(frames.iter().zip(uvs).map(|(frame, uv)| small(frame).laid_out(uv)));
        let both = Target::union([body.clone(), small(&union)]);
        Self::fitting(&both).with_art_in(&body, both.visible_bounds())
    }

    /// The body with a part of a picture, by its left, upper, right and lower edge.
    fn with_art_in(self, picture: &Target, visible: [usize; 4]) -> Result<(Model, SkinArt), ModelErrorKind> {
        let Target { width, height, rgba } = picture;
        if *width == 0 || *height == 0 || rgba.len() != width * height * 4 {
            let expected = format!("[{height}, {width}, 4], and neither 0");
            return Err(ModelErrorKind::Shape { tensor: "target", found: vec![rgba.len()], expected });
        }
        let model = self.model()?;
        let size = model.target().map_or([1, 1], |shape| [shape.width, shape.height]);
        let (target, fitted) = picture.cut(visible).fitted_into(size);
        let edge = |axis: usize, side: usize, at: f32| {
            // The visible pixels are on the fitted cells.
            let [first, end] = [0, 2].map(|edge| (visible[axis + edge] as f32, fitted[axis + edge] as f32));
            let pixels = (end.0 - first.0) / (end.1 - first.1);
            (first.0 + (at - first.1) * pixels) / side as f32
        };
        let [columns, rows] = size.map(|side| side as f32);
        let region = [edge(0, *width, 0.0), edge(1, *height, 0.0), edge(0, *width, columns), edge(1, *height, rows)];
        let model = model.with_target(Some(target))?.map_rule(|rule| {
            for text in [&mut rule.name, &mut rule.author, &mut rule.license, &mut rule.source] {
                text.clear();
            }
            rule.extra.clear();
        })?;
        Ok((model, SkinArt::on(picture.clone(), region)))
    }

    /// The model. Its target is the shape.
    ///
    /// # Errors
    /// As [`Model::from_bytes`], which does not happen for the embedded files.
    pub fn model(self) -> Result<Model, ModelErrorKind> {
        macro_rules! body {
            ($name:literal) => {
                include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/bodies/", $name, ".nca"))
            };
        }
        let (bytes, is_tall): (&[u8], bool) = match self {
            Self::Square => (body!("square"), false),
            Self::Wide => (body!("wide"), false),
            Self::VeryWide => (body!("very_wide"), false),
            Self::Tall => (body!("wide"), true),
            Self::VeryTall => (body!("very_wide"), true),
            Self::Disc => (body!("disc"), false),
        };
        let model = Model::from_bytes(bytes)?;
        if is_tall { model.transposed() } else { Ok(model) }
    }
}

impl fmt::Display for GenericBody {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Square => "a square",
            Self::Wide => "a rectangle of 2:1",
            Self::VeryWide => "a rectangle of 3:1",
            Self::Tall => "a rectangle of 1:2",
            Self::VeryTall => "a rectangle of 1:3",
            Self::Disc => "a disc",
        })
    }
}

/// Whether a picture is transparent outside of the ellipse that touches its sides.
fn is_round(picture: &Target) -> bool {
    let half = [picture.width as f32 / 2.0, picture.height as f32 / 2.0];
    picture.rgba.as_chunks::<4>().0.iter().enumerate().all(|(index, pixel)| {
        let at = [index % picture.width.max(1), index / picture.width.max(1)];
        let [x, y] = [0, 1].map(|axis| (at[axis] as f32 + 0.5 - half[axis]) / half[axis]);
        // A cell of the body's rim reaches beyond the disc.
        pixel[3] <= 26 || x.hypot(y) <= 1.1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, alpha: impl Fn(f32, f32) -> bool) -> Target {
        let pixel = |index: usize| {
            let [x, y] = [(index % width, width), (index / width, height)]
                .map(|(at, side)| 2.0 * (at as f32 + 0.5) / side as f32 - 1.0);
            [9, 9, 9, if alpha(x, y) { 255 } else { 0 }]
        };
        Target { width, height, rgba: (0..width * height).flat_map(pixel).collect() }
    }

    #[test]
    fn the_fitting_body_has_the_aspect_of_the_picture() {
        use GenericBody::*;
        for (size, body) in
            [([20, 20], Square), ([25, 27], Square), ([40, 18], Wide), ([9, 90], VeryTall), ([14, 33], Tall)]
        {
            assert_eq!(GenericBody::fitting(&picture(size[0], size[1], |_, _| true)), body, "{size:?}");
        }
        assert_eq!(GenericBody::fitting(&picture(30, 32, |x, y| x.hypot(y) < 1.0)), Disc);
        assert_eq!(GenericBody::fitting(&picture(32, 32, |x, _| x.abs() < 0.2)), VeryTall, "its visible part");
    }

    #[test]
    fn a_picture_of_any_size_lives_in_a_body() {
        let living = |picture: &Target| GenericBody::fitting(picture).with_picture(picture);
        for size in [[1, 1], [1, 900], [900, 1], [70, 40]] {
            let model = living(&picture(size[0], size[1], |_, _| true)).unwrap();
            let visible = model.target().unwrap().rgba.chunks(4).filter(|pixel| pixel[3] > 0).count();
            assert!(visible > 0 && model.rule().name.is_empty() && model.rule().extra.is_empty(), "{size:?}");
        }
        let nothing = picture(20, 20, |_, _| false);
        assert!(living(&nothing).unwrap().target().unwrap().rgba.iter().skip(3).step_by(4).all(|a| *a == 0));
        assert!(living(&Target { width: 3, height: 3, rgba: vec![0; 5] }).is_err());
    }
}
