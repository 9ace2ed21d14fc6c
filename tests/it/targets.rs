//! Pictures that are read as targets.

use bevy_nca::rule::{ReadOptions, Target, TargetError};

use crate::train::picture;

#[test]
fn pictures_that_cannot_be_grown_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("empty.png"), b"").unwrap();
    std::fs::write(path("text.png"), b"not a picture").unwrap();
    image::RgbaImage::new(9, 9).save(path("transparent.png")).unwrap();
    image::RgbaImage::new(5000, 1).save(path("huge.png")).unwrap();
    image::RgbaImage::from_pixel(9, 9, image::Rgba([9, 9, 9, 255])).save(path("opaque.png")).unwrap();
    let whole = std::fs::read(path("opaque.png")).unwrap();
    std::fs::write(path("cut.png"), &whole[..whole.len() / 2]).unwrap();
    for name in ["empty.png", "text.png", "cut.png", "missing.png"] {
        let error = Target::read(path(name), ReadOptions::default()).unwrap_err();
        assert!(matches!(error, TargetError::Unreadable { .. }) && error.to_string().contains(name), "{error}");
    }
    assert!(matches!(
        Target::read(path("transparent.png"), ReadOptions::default()),
        Err(TargetError::Transparent { .. })
    ));
    assert!(matches!(Target::read(path("huge.png"), ReadOptions::default()), Err(TargetError::TooLarge { .. })));
    assert!(Target::read(path("opaque.png"), ReadOptions::default()).unwrap().is_opaque());
    assert!(!picture(9).is_opaque());
}

/// A bright disc on transparent pixels of another color, which must not bleed in.
#[test]
fn scaling_keeps_shape_and_colour() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disc.png");
    let disc = image::RgbaImage::from_fn(200, 100, |x, y| {
        let inside = (x as f32 - 100.0).hypot(y as f32 - 50.0) < 50.0;
        image::Rgba(if inside { [250, 200, 10, 255] } else { [0, 0, 255, 0] })
    });
    disc.save(&path).unwrap();
    let target = Target::read(&path, ReadOptions::sized(40)).unwrap();
    assert_eq!((target.width, target.height), (40, 20));
    let pixels = target.rgba.as_chunks::<4>().0;
    for pixel in pixels.iter().filter(|pixel| pixel[3] > 30) {
        assert!(pixel[0] > 240 && pixel[1].abs_diff(200) < 12 && pixel[2] < 30, "{pixel:?}");
    }
    let covered = pixels.iter().map(|pixel| f32::from(pixel[3]) / 255.0).sum::<f32>();
    assert!((covered - 314.0).abs() < 8.0, "{covered}");
    let larger = Target::read(&path, ReadOptions::sized(400)).unwrap();
    assert_eq!((larger.width, larger.height), (400, 200));
}
