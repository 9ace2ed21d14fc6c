//! The distance between textures, in patches at several scales, without a pretrained network.
//!
//! It is the sum of two:
//!
//! - *Bidirectional similarity* (Simakov et al., "Summarizing Visual Data Using Bidirectional Similarity", 2008): the mean
//!   squared distance of a patch of the texture to the nearest patch of the picture, and that of a patch of the picture to
//!   the nearest one of the texture. The first asks for structures that the picture has, the second for all of them.
//! - *Sliced Wasserstein distance* (Rabin et al., 2011) of the responses to random filters of a few taps. Sorted, both
//!   sides have the same responses if they have the same patches. It keeps the means of near patches from being blurred.
//!   Alone, it does not teach structure: dense filters have near-normal responses to any texture.
//!
//! Both are relative to the variance of the picture's patches, so that two pictures without anything in common are about 2
//! apart in each. A distance uses a random part of all patches.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::rule::Target;

/// The sides of patches, in pixels of their scale.
const PATCH: usize = 7;
/// The scales of patches. Each halves the one before.
const SCALES: usize = 4;
/// The patches of the texture, and those of the picture, that a distance compares.
const PATCHES: usize = 1024;
const PICTURE_PATCHES: usize = 2048;
/// The filters of a distance, and their taps.
const FILTERS: usize = 32;
const TAPS: usize = 3;
/// The minimum variance of the responses to a filter, relative to that of all filters.
const LEAST_VARIANCE: f32 = 0.05;
/// The differences between colors in a filter, relative to its brightness.
const COLOR: f32 = 0.4;

/// Of the distance that is reported, and not trained on: the sides of patches, the scales, the filters, and the random
/// numbers.
const UNTRAINED_PATCH: usize = 9;
const UNTRAINED_SCALES: usize = 3;
const UNTRAINED_FILTERS: usize = 128;
const UNTRAINED_SEED: u64 = 0xD157;
/// The response from which a filter is active, in standard deviations of the picture's.
const ACTIVE: f32 = 0.5;

/// A batch of pictures `[batch, height, width, 3]`. Values are colors minus 0.5, as cells hold them.
pub(super) type Pictures = Tensor<4>;

/// A picture as a batch of one. Transparent pixels are black.
pub(super) fn picture(target: &Target, device: &Device) -> Pictures {
    let pixels = target.rgba.as_chunks::<4>().0.iter();
    let values: Vec<f32> = pixels
        .flat_map(|&[red, green, blue, alpha]| {
            [red, green, blue].map(|color| f32::from(color) / 255.0 * (f32::from(alpha) / 255.0) - 0.5)
        })
        .collect();
    Tensor::from_data(TensorData::new(values, [1, target.height, target.width, 3]), device)
}

/// The smallest side of a picture, in pixels.
pub(super) const SMALLEST: usize = 16;

/// The distance of textures that wrap to a picture, and its gradient with respect to them.
pub(super) fn distance(textures: &Pictures, picture: &Pictures, random: &mut fastrand::Rng) -> Tensor<1> {
    let scales = scales(textures, picture, PATCH, SCALES);
    let share = 1.0 / scales.len().max(1) as f32;
    let terms = scales.into_iter().map(|(textures, picture)| {
        let found = patches(&textures, PATCH, PATCHES, true, random);
        let expected = patches(&picture, PATCH, PICTURE_PATCHES, false, random);
        let variance = variance(&expected);
        let near = similarity(&found, &expected).div_scalar(variance);
        let filters = taps(random, &textures.device());
        let (found, expected) = (found.matmul(filters.clone()), expected.matmul(filters));
        (near + sliced(found, expected)).mul_scalar(share)
    });
    terms.reduce(|sum, term| sum + term).unwrap_or_else(|| Tensor::zeros([1], &textures.device()))
}

/// A distance by structures that training does not use: which random filters of larger patches are active together. It
/// compares as many patches as the smaller one has, at most 4096.
pub(super) fn untrained_distance(texture: &Pictures, picture: &Pictures) -> f32 {
    let mut random = fastrand::Rng::with_seed(UNTRAINED_SEED);
    let scales = scales(texture, picture, UNTRAINED_PATCH, UNTRAINED_SCALES);
    let count = scales.len().max(1) as f32;
    let term = |(texture, picture): (Pictures, Pictures)| {
        let device = texture.device();
        let most = |picture: &Pictures| picture.dims()[1] * picture.dims()[2];
        let patches_of = most(&texture).min(most(&picture)).min(4096);
        let found = patches(&texture, UNTRAINED_PATCH, patches_of, true, &mut random);
        let expected = patches(&picture, UNTRAINED_PATCH, patches_of, false, &mut random);
        let length = 3 * UNTRAINED_PATCH * UNTRAINED_PATCH;
        let mut filters: Vec<f32> = Vec::with_capacity(length * UNTRAINED_FILTERS);
        for _ in 0..length / 3 {
            let brightness: Vec<f32> = (0..UNTRAINED_FILTERS).map(|_| normal(&mut random)).collect();
            for _ in 0..3 {
                filters.extend(brightness.iter().map(|bright| bright + COLOR * normal(&mut random)));
            }
        }
        let filters: Tensor<2> = Tensor::from_data(TensorData::new(filters, [length, UNTRAINED_FILTERS]), &device);
        // No filter responds to brightness alone.
        let filters = filters.clone() - filters.mean_dim(0);
        let (found, expected) = (found.matmul(filters.clone()), expected.matmul(filters));
        let deviation = (expected.clone() - expected.clone().mean_dim(0)).square().mean_dim(0).sqrt().add_scalar(1e-4);
        let mixing = (0..2 * UNTRAINED_FILTERS * UNTRAINED_FILTERS).map(|_| normal(&mut random)).collect::<Vec<f32>>();
        let mixing: Tensor<2> =
            Tensor::from_data(TensorData::new(mixing, [2 * UNTRAINED_FILTERS, UNTRAINED_FILTERS]), &device);
        let active = |responses: Tensor<2>| {
            let responses = responses / deviation.clone();
            let [above, below] = [1.0, -1.0].map(|sign| (responses.clone() * sign - ACTIVE).clamp_min(0.0));
            Tensor::cat(vec![above, below], 1).matmul(mixing.clone())
        };
        sliced(active(found), active(expected)).into_scalar::<f32>()
    };
    scales.into_iter().map(term).sum::<f32>() / count
}

/// The textures and the picture at several scales, as long as a patch fits the textures, and the picture has many.
fn scales(textures: &Pictures, picture: &Pictures, side: usize, count: usize) -> Vec<(Pictures, Pictures)> {
    let fits = |pictures: &Pictures, side: usize| pictures.dims()[1].min(pictures.dims()[2]) >= side;
    let first = (textures.clone(), picture.clone());
    let halved = |(textures, picture): &(Pictures, Pictures)| Some((halved(textures), halved(picture)));
    std::iter::successors(Some(first), halved)
        .take(count)
        .take_while(|(a, b)| fits(a, side) && fits(b, 2 * side))
        .collect()
}

/// Half as large: the means of squares of four pixels. A last odd row or column is dropped.
fn halved(pictures: &Pictures) -> Pictures {
    let [batch, height, width, _] = pictures.dims();
    let (height, width) = (height / 2, width / 2);
    let whole = pictures.clone().narrow(1, 0, 2 * height).narrow(2, 0, 2 * width);
    let squares: Tensor<6> = whole.reshape([batch, height, 2, width, 2, 3]);
    squares.mean_dim(2).mean_dim(4).reshape([batch, height, width, 3])
}

/// Random patches `[count, 3 * side * side]`. Those of a picture that does not wrap lie inside of it.
fn patches(pictures: &Pictures, side: usize, count: usize, wraps: bool, random: &mut fastrand::Rng) -> Tensor<2> {
    let [batch, height, width, _] = pictures.dims();
    let [rows, columns] = [height, width].map(|side_of| if wraps { side_of } else { side_of + 1 - side });
    let mut cells: Vec<i32> = Vec::with_capacity(count * side * side);
    for _ in 0..count {
        let (sample, top, left) = (random.usize(..batch), random.usize(..rows), random.usize(..columns));
        for y in (top..top + side).map(|y| y % height) {
            cells.extend((left..left + side).map(|x| ((sample * height + y) * width + x % width) as i32));
        }
    }
    let cells: Tensor<1, Int> = Tensor::from_data(TensorData::from(&cells[..]), &pictures.device());
    let pixels: Tensor<2> = pictures.clone().reshape([batch * height * width, 3]);
    pixels.select(0, cells).reshape([count, 3 * side * side])
}

/// The mean variance of patches, summed over their values.
fn variance(patches: &Tensor<2>) -> f32 {
    let mean = patches.clone().mean_dim(0);
    (patches.clone() - mean).square().mean_dim(0).sum().into_scalar::<f32>().max(1e-4)
}

/// The mean squared distances of the patches on each side to the nearest one on the other.
fn similarity(found: &Tensor<2>, expected: &Tensor<2>) -> Tensor<1> {
    let count = found.dims()[0];
    let lengths = |patches: &Tensor<2>| patches.clone().square().sum_dim(1);
    let (a, b) = (found.clone().detach(), expected.clone());
    let distances = lengths(&a) + lengths(&b).transpose() - a.matmul(b.transpose()).mul_scalar(2.0);
    let nearest: Tensor<1, Int> = distances.clone().argmin(1).reshape([count]);
    let is_like = found.clone() - expected.clone().select(0, nearest);
    // As many of the picture's: they are in random order.
    let some = expected.clone().narrow(0, 0, count.min(expected.dims()[0]));
    let nearest: Tensor<1, Int> = distances.narrow(1, 0, some.dims()[0]).argmin(0).reshape([some.dims()[0]]);
    let has_all = found.clone().select(0, nearest) - some;
    is_like.square().sum_dim(1).mean() + has_all.square().sum_dim(1).mean()
}

/// The mean of squared differences between sorted responses `[patches, filters]`, relative to their variance. If the picture
/// has more patches, the first ones count.
fn sliced(found: Tensor<2>, expected: Tensor<2>) -> Tensor<1> {
    let count = found.dims()[0].min(expected.dims()[0]);
    let (found, expected) = (found.narrow(0, 0, count), expected.narrow(0, 0, count));
    let mean = expected.clone().mean_dim(0);
    let variance = (expected.clone() - mean).square().mean_dim(0);
    // To some filters, the picture hardly responds.
    let variance = variance.clone() + variance.mean().mul_scalar(LEAST_VARIANCE).add_scalar(1e-5).unsqueeze();
    let differences = found.transpose().sort(1) - expected.transpose().sort(1);
    (differences.square().mean_dim(1) / variance.transpose()).mean()
}

/// Random filters of a few taps and of unit length, `[3 * PATCH * PATCH, FILTERS]`.
fn taps(random: &mut fastrand::Rng, device: &Device) -> Tensor<2> {
    let pixels = PATCH * PATCH;
    let mut weights = vec![0.0; 3 * pixels * FILTERS];
    for filter in 0..FILTERS {
        let taps: Vec<(usize, f32)> = random
            .choose_multiple(0..pixels, TAPS)
            .into_iter()
            .flat_map(|pixel| {
                let bright = normal(random);
                [0, 1, 2].map(|plane| (3 * pixel + plane, bright + COLOR * normal(random)))
            })
            .collect();
        let length = taps.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(1e-6);
        taps.into_iter().for_each(|(at, weight)| weights[at * FILTERS + filter] = weight / length);
    }
    Tensor::from_data(TensorData::new(weights, [3 * pixels, FILTERS]), device)
}

/// A number from a normal distribution, by Box and Muller.
fn normal(random: &mut fastrand::Rng) -> f32 {
    let radius = (-2.0 * (1.0 - random.f32()).ln()).sqrt();
    radius * (std::f32::consts::TAU * random.f32()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::TrainDevice;

    fn device() -> Device {
        TrainDevice::Flex.open().unwrap().0
    }

    fn pictures(width: usize, height: usize, value: impl FnMut(usize) -> f32) -> Pictures {
        let values: Vec<f32> = (0..width * height * 3).map(value).collect();
        Tensor::from_data(TensorData::new(values, [1, height, width, 3]), &device())
    }

    fn noise(seed: u64, width: usize, height: usize) -> Pictures {
        let mut random = fastrand::Rng::with_seed(seed);
        pictures(width, height, |_| random.f32() - 0.5)
    }

    /// A shift by eight pixels is one of whole pixels at all scales.
    fn stripes(shift: usize) -> Pictures {
        pictures(64, 64, |index| if (index / 3 % 64 + shift) % 32 < 16 { 0.4 } else { -0.4 })
    }

    #[test]
    fn the_same_patches_are_close_wherever_they_are() {
        let distance =
            |texture: &Pictures| distance(texture, &stripes(0), &mut fastrand::Rng::with_seed(0)).into_scalar::<f32>();
        let (same, other) = (distance(&stripes(8)), distance(&noise(3, 64, 64)));
        // The patches inside of the picture have more of some phases than of others.
        assert!(same < 0.1 * other && other > 1.0, "{same}, {other}");
        let untrained = |texture: &Pictures| untrained_distance(texture, &stripes(0));
        let (same, other) = (untrained(&stripes(8)), untrained(&noise(3, 64, 64)));
        assert!(same < 0.2 * other && other > 0.5, "{same}, {other}");
    }

    #[test]
    fn descending_the_gradient_reaches_the_picture() {
        let device = device().autodiff();
        let expected = stripes(0);
        let mut texture = noise(1, 32, 32);
        let mut distances = Vec::new();
        for step in 0..60 {
            let tracked = Tensor::from_data(texture.clone().into_data(), &device).require_grad();
            let picture = Tensor::from_data(expected.clone().into_data(), &device);
            let found = distance(&tracked, &picture, &mut fastrand::Rng::with_seed(step));
            let gradient = tracked.grad(&found.backward()).unwrap();
            distances.push(found.into_scalar::<f32>());
            // Each pixel moves the same way down, whatever the size of its gradient.
            texture = texture - gradient.sign() * 0.02;
        }
        let (first, last) = (distances[0], distances[59]);
        assert!(last < 0.25 * first, "{first} to {last}");
    }

    #[test]
    fn small_pictures_have_fewer_scales() {
        let of = |side| scales(&noise(1, 64, 64), &noise(2, side, side), PATCH, SCALES).len();
        assert_eq!([SMALLEST, 6, 28, 128].map(of), [1, 0, 2, 4]);
    }
}
