//! The program `nca`, run as a program.

use std::{
    path::Path,
    process::{Command, Output},
};

use bevy_nca::rule::{Model, State};
use image::{AnimationDecoder, codecs::png::PngDecoder};
use safetensors::SafeTensors;

use crate::support::{Golden, distance, golden_folder, on_each_backend};

fn nca(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nca")).args(arguments).output().unwrap()
}

fn succeed(arguments: &[&str]) -> String {
    let output = nca(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fail(arguments: &[&str]) -> String {
    let output = nca(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

fn golden_model(name: &str) -> String {
    golden_folder().join(format!("{name}.nca")).to_str().unwrap().to_owned()
}

fn read_state(path: &Path) -> State {
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor("state").unwrap();
    let [h, w, c] = view.shape().try_into().unwrap();
    State::from_values(w, h, c, view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()).unwrap()
}

#[test]
fn run_gives_the_golden_frames() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cells.safetensors");
    on_each_backend(|backend| {
        for (name, wound) in
            [("standard", "circle:12,10,4.5@12"), ("small", "rect:0,0,9,13@12"), ("rotated", "rect:6,4,18,11.5@12")]
        {
            let golden = Golden::read(name);
            let (seed, angle) = (golden.seed.to_string(), golden.angle.to_degrees().to_string());
            let backend = format!("{backend:?}").to_lowercase();
            succeed(&[
                "run",
                &golden_model(name),
                "--ticks",
                "24",
                "--seed",
                &seed,
                "--angle",
                &angle,
                "--wound",
                wound,
                "--backend",
                &backend,
                "-o",
                out.to_str().unwrap(),
            ]);
            let distance = distance(&read_state(&out), &golden.frames[3].1);
            assert!(distance < 1e-5, "{name} on {backend}: {distance}");
        }
    });
}

#[test]
fn run_without_ticks_writes_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("seed.safetensors");
    succeed(&["run", &golden_model("small"), "--ticks", "0", "--grid", "9x7", "-o", out.to_str().unwrap()]);
    let model = Model::read(golden_model("small")).unwrap();
    assert_eq!(read_state(&out), State::seed(model.rule(), 9, 7));
}

#[test]
fn run_writes_pictures_and_animations() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |name: &str| {
        succeed(&["run", &golden_model("small"), "--ticks", "10", "--every", "4", "--scale", "2", "-o", &path(name)]);
        std::io::BufReader::new(std::fs::File::open(path(name)).unwrap())
    };
    run("a.png");
    assert_eq!(image::open(path("a.png")).unwrap().to_rgba8().dimensions(), (34, 26));
    let frames = image::codecs::gif::GifDecoder::new(run("a.gif")).unwrap().into_frames().collect_frames().unwrap();
    // Ticks 0, 4, 8 and the last, 10.
    assert_eq!(frames.len(), 4);
    assert!(frames.iter().all(|frame| frame.buffer().dimensions() == (34, 26)));
    let apng = PngDecoder::new(run("a.apng")).unwrap().apng().unwrap().into_frames().collect_frames().unwrap();
    assert_eq!(apng.len(), 4);
    assert_eq!(apng[3].buffer(), &image::open(path("a.png")).unwrap().to_rgba8());
}

#[test]
fn import_and_info_say_what_a_model_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // All bytes 255: every weight is half of its layer's scale. 25 * 16 and 17 * 8 bytes in base64.
    let ones = |bytes: usize| "/".repeat(bytes * 4 / 3 / 4 * 4) + if bytes % 3 == 1 { "/w==" } else { "" };
    let layer = |inputs: usize, outputs: usize| {
        let data = ones((inputs + 1) * outputs);
        format!(r#"{{"in_ch":{inputs},"out_ch":{outputs},"weight_scale":2.0,"bias_scale":4.0,"data_b64":"{data}"}}"#)
    };
    std::fs::write(path("a.json"), format!("[{},{}]", layer(24, 16), layer(16, 8))).unwrap();
    succeed(&["import", &path("a.json"), "-o", &path("a.nca")]);
    let model = Model::read(path("a.nca")).unwrap();
    assert!(model.weights().hidden_weight.iter().all(|weight| *weight == 1.0));
    assert!(model.weights().output_bias.iter().all(|bias| *bias == 2.0));
    let info = succeed(&["info", &path("a.nca")]);
    for part in ["72 x 72", "8", "16", "identity, sobel_x, sobel_y", "channel 3 above 0.1"] {
        assert!(info.contains(part), "{info}");
    }
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let small = golden_model("small");
    std::fs::write(path("cut.nca"), &std::fs::read(&small).unwrap()[..300]).unwrap();
    std::fs::write(path("bad.json"), "[]").unwrap();
    for (arguments, part) in [
        (vec!["run", "nowhere.nca", "-o", "a.png"], "nowhere.nca"),
        (vec!["run", &path("cut.nca"), "-o", "a.png"], "truncated"),
        (vec!["run", &small, "-o", "a.bmp"], ".safetensors"),
        (vec!["run", &small, "--wound", "circle:1,2@3", "-o", "a.png"], "circle:x,y,r@TICK"),
        (vec!["run", &small, "--wound", "circle:1,2,-3@3", "-o", "a.png"], "radius above 0"),
        (vec!["run", &small, "--grid", "0x9", "-o", "a.png"], "1 to 1024"),
        (vec!["run", &small, "--ticks", "1", "-o", &path("no/such/folder.png")], "folder.png"),
        (vec!["import", &path("bad.json"), "-o", "a.nca"], "two layers"),
        (vec!["info", &path("bad.json")], "bad.json"),
    ] {
        let message = fail(&arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}
