//! The command-line program `nca`, run as a child process.

use std::{
    path::Path,
    process::{Command, Output},
};

use base64::Engine as _;
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
    // Ticks 0, 4 and 8, and the last tick, 10.
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
    // All bytes are 255, so every weight is half of its layer's scale. 25 * 16 and 17 * 8 bytes in base64.
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

/// A list of two texture models. Every byte of their layers is 255.
fn texture_list() -> String {
    let layer = |rows: u32, outputs: u32| {
        let tiles = image::RgbaImage::from_pixel(2 * outputs / 4, rows, image::Rgba([255; 4]));
        let mut png = Vec::new();
        tiles.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        let data = base64::prelude::BASE64_STANDARD.encode(png);
        format!(r#"{{"scale":2.0,"data":"data:image/png;base64,{data}","shape":[{rows},{outputs}],"layout":[2,1]}}"#)
    };
    format!(r#"{{"model_names":["folder/rug","moss"],"layers":[{},{}]}}"#, layer(33, 16), layer(17, 8))
}

#[test]
fn two_rules_share_a_ground() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let asset = |path: &str| format!("{}/assets/{path}", env!("CARGO_MANIFEST_DIR"));
    let [bricks, moss] = ["bricks", "moss"].map(|name| asset(&format!("materials/{name}.nca")));
    succeed(&["overgrow", &bricks, &moss, "-o", &path("mossy.nca")]);
    let model = Model::read(path("mossy.nca")).unwrap();
    assert_eq!((model.rule().name.as_str(), model.rule().version), ("bricks", 2));
    assert!(succeed(&["info", &path("mossy.nca")]).contains("overgrowth    moss"));
    let run = |paint: &[&str], output: &str| {
        let shared = ["run", &path("mossy.nca"), "--grid", "24x20", "--ticks", "30", "-o", &path(output)];
        succeed(&[&shared, paint].concat());
        std::fs::read(path(output)).unwrap()
    };
    let [bare, painted] = [run(&[], "a.png"), run(&["--paint", "circle:10,10,6@12"], "b.png")];
    assert_ne!(bare, painted);
    assert!(fail(&["run", &bricks, "--paint", "circle:10,10,6@12", "-o", &path("c.png")]).contains("overgrow"));
    let slime = asset("models/slime.nca");
    let error = fail(&["overgrow", &bricks, &slime, "-o", &path("d.nca")]);
    assert!(error.contains("slime.nca: `alive`: expected null in both"), "{error}");
    let error = fail(&["overgrow", &slime, &moss, "-o", &path("d.nca")]);
    assert!(error.contains("slime.nca: `alive`: expected null in both"), "{error}");
}

#[test]
fn import_takes_textures_from_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("list.json"), texture_list()).unwrap();
    succeed(&["import", &path("list.json"), "--all", "-o", &path("all")]);
    succeed(&["import", &path("list.json"), "--name", "folder/rug", "-o", &path("new/one")]);
    let files = |name: &str| std::fs::read_dir(path(name)).unwrap().count();
    assert_eq!((files("all"), files("new/one")), (2, 1));
    let rug = Model::read(path("new/one/rug.nca")).unwrap();
    assert_eq!(rug.to_bytes().unwrap(), Model::read(path("all/rug.nca")).unwrap().to_bytes().unwrap());
    assert_eq!(rug.rule().clamp, Some(1.0));
    assert!(succeed(&["info", &path("all/moss.nca")]).contains("within 1 of 0"));
    succeed(&["run", &path("all/moss.nca"), "--grid", "16x16", "--ticks", "4", "-o", &path("moss.png")]);
    assert!(fail(&["import", &path("list.json"), "-o", &path("a.nca")]).contains("--all"));
    assert!(fail(&["import", &path("list.json"), "--name", "mud", "-o", &path("b")]).contains("rug, moss"));
    assert!(fail(&["import", &path("moss.png"), "--all", "-o", &path("b")]).contains("JSON"));
    assert!(!Path::new(&path("b")).exists(), "nothing is written");
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
        (vec!["run", &small, "--half", "-o", "a.png"], "--backend gpu"),
        (vec!["run", &small, "--ticks", "1", "-o", &path("no/such/folder.png")], "folder.png"),
        (vec!["import", &path("bad.json"), "-o", "a.nca"], "two layers"),
        (vec!["info", &path("bad.json")], "bad.json"),
    ] {
        let message = fail(&arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}

/// Writes a small picture and a small config, so that a run takes a second or two.
fn small_run(folder: &Path) -> [String; 2] {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let target = crate::train::picture(8);
    image::RgbaImage::from_raw(8, 8, target.rgba).unwrap().save(path("disc.png")).unwrap();
    let config = bevy_nca::train::TrainConfig { early_stop: false, ..crate::train::config(400) };
    std::fs::write(path("config.json"), serde_json::to_string(&config).unwrap()).unwrap();
    [path("disc.png"), path("config.json")]
}

fn weights(path: &str) -> bevy_nca::rule::Weights {
    Model::read(path).unwrap().weights().clone()
}

/// A run that is interrupted, then killed, then finished gives the same model as an uninterrupted run.
#[cfg(unix)]
#[test]
fn training_survives_interruptions() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [image, config] = small_run(folder.path());
    let printed = succeed(&["train", &image, "--config", &config, "-o", &path("whole.nca")]);
    assert!(printed.contains("repaired, lower half") && printed.contains("400 steps"), "{printed}");

    let started = |arguments: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nca")).args(arguments).spawn().unwrap();
        let lines = || std::fs::read_to_string(path("cut.run/metrics.jsonl")).unwrap_or_default().lines().count();
        let before = lines();
        while lines() < before + 40 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child
    };
    let resume = ["train", "--resume", &path("cut.run"), "-o", &path("cut.nca")];
    let mut child = started(&["train", &image, "--config", &config, "-o", &path("cut.nca")]);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130), "as a shell expects of Ctrl-C");
    assert!(Model::read(path("cut.nca")).is_ok(), "the model so far is there");
    let mut child = started(&resume);
    child.kill().unwrap();
    child.wait().unwrap();
    succeed(&resume);
    assert_eq!(weights(&path("cut.nca")), weights(&path("whole.nca")));
    // The film, the metrics and the plot are identical too.
    for file in ["metrics.jsonl", "final.gif", "loss.svg"] {
        let [cut, whole] =
            ["cut.run", "whole.run"].map(|run| std::fs::read(folder.path().join(run).join(file)).unwrap());
        assert!(cut == whole, "{file}");
    }
}

#[test]
fn eval_measures_and_judges() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let slime = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca");
    let output = nca(&["eval", slime, "--json", "--storm", "40"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["passes"].as_bool().unwrap(), output.status.success());
    assert_eq!(json["entries"].as_array().unwrap().len(), 14);
    assert_eq!(json["entries"][0]["test"], serde_json::json!({ "grown": 96 }));
    assert_eq!(json["measure"], "share of the picture lost");
    let cases = json["storm"]["cases"].as_array().unwrap();
    assert!(cases.len() == 40 && cases.iter().all(|case| case["left"].as_f64().unwrap() >= 0.1));
    // The model fails against another picture.
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/targets/slime.png");
    let mirrored = image::imageops::flip_vertical(&image::open(image).unwrap().to_rgba8());
    let image = path("mirrored.png");
    mirrored.save(&image).unwrap();
    let output = nca(&["eval", slime, "--against", &image, "--storm", "8"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && text.contains("FAILS") && text.contains("does not pass"), "{text}");
    assert!(text.contains("a quarter or more left") && text.contains("ninths: 0 whole"), "{text}");
    // A picture that is too large for the grid, and a model without a target.
    image::RgbaImage::from_pixel(90, 90, image::Rgba([255; 4])).save(path("large.png")).unwrap();
    assert!(fail(&["eval", &golden_model("small"), "--against", &path("large.png")]).contains("90 x 90"));
    assert!(fail(&["eval", &golden_model("small")]).contains("--against"));
}

#[test]
fn mistakes_in_training_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [image, config] = small_run(folder.path());
    std::fs::write(path("bad.json"), r#"{"batches": 3}"#).unwrap();
    std::fs::write(path("text.png"), "text").unwrap();
    std::fs::create_dir(path("old.run")).unwrap();
    std::fs::write(path("old.run/checkpoint.safetensors"), "cut").unwrap();
    for (arguments, part) in [
        (vec!["train", "nowhere.png", "-o", &path("a.nca")], "nowhere.png"),
        (vec!["train", &path("text.png"), "-o", &path("a.nca")], "expected a PNG"),
        (vec!["train", &image, "-o", &path("a.png")], "expected the extension .nca"),
        (vec!["train", &image, "-o", &path("a.nca"), "--config", &path("bad.json")], "batches"),
        (vec!["train", &image, "-o", &path("a.nca"), "--channels", "9"], "multiple of 4"),
        (vec!["train", &image, "-o", &path("a.nca"), "--padding", "900"], "256x256"),
        (vec!["train", &image, "-o", &path("a.nca"), "--size", "3"], "4 to 128"),
        (vec!["train", &image, "-o", &path("a.nca"), "--device", "cuda"], "feature `cuda`"),
        (vec!["train", &image, "-o", &path("old.nca"), "--config", &config], "resume"),
        (vec!["train", "--resume", &path("old.run"), "-o", &path("a.nca")], "checkpoint"),
        (vec!["train", "--resume", &path("none.run"), "-o", &path("a.nca")], "none.run"),
        (vec!["train", "-o", &path("a.nca")], "IMAGE"),
    ] {
        let message = fail(&arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    assert!(!Path::new(&path("a.run")).exists(), "nothing is left behind");
}

/// Ignored signals stay ignored, as under `nohup`. A second signal ends the program at once.
#[cfg(unix)]
#[test]
fn signals_are_heard_as_the_shell_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [image, config] = small_run(folder.path());
    let wait_for_steps = |child: &mut std::process::Child, run: &str| {
        let has_begun = || std::fs::read_to_string(path(run)).is_ok_and(|metrics| !metrics.is_empty());
        while !has_begun() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    let kill = |child: &std::process::Child, signal: &str| {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    };
    // The shell ignores both signals and its child inherits that, as with `nohup` or a script's background job.
    let command = format!(
        "trap '' HUP INT; exec {} train {image} --config {config} --iterations 1000000 --full -o {}",
        env!("CARGO_BIN_EXE_nca"),
        path("deaf.nca")
    );
    let mut child = Command::new("sh").args(["-c", &command]).spawn().unwrap();
    wait_for_steps(&mut child, "deaf.run/metrics.jsonl");
    kill(&child, "-HUP");
    kill(&child, "-INT");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it does not hear what was ignored");
    kill(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    assert!(Model::read(path("deaf.nca")).is_ok());

    // Two signals at once: it ends without another step and does not write its output.
    let arguments = ["train", &image, "--config", &config, "--iterations", "1000000", "-o", &path("twice.nca")];
    let mut child = Command::new(env!("CARGO_BIN_EXE_nca")).args(arguments).spawn().unwrap();
    wait_for_steps(&mut child, "twice.run/metrics.jsonl");
    kill(&child, "-STOP");
    kill(&child, "-INT");
    kill(&child, "-TERM");
    kill(&child, "-CONT");
    let code = child.wait().unwrap().code().unwrap();
    assert!(code == 130 || code == 143, "{code}");
    assert!(!Path::new(&path("twice.nca")).exists());
}

#[test]
fn a_finished_run_goes_on_and_a_model_is_a_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [image, config] = small_run(folder.path());
    // A run from scratch, as the baseline for the losses.
    succeed(&["train", &image, "--config", &config, "--iterations", "60", "-o", &path("a.nca")]);
    let (run, output) = (path("a.run"), path("b.nca"));
    let resume = ["train", "--resume", &run, "-o", &output];
    let resume = |more: &[&'static str]| [&resume[..], more].concat();
    assert!(fail(&resume(&["--iterations", "60"])).contains("more than the 60 iterations"));
    let printed = succeed(&resume(&["--iterations", "100"]));
    assert!(printed.contains("100 steps"), "{printed}");
    let printed = succeed(&resume(&["--iterations", "120", "--full"]));
    assert!(printed.contains("120 steps"), "{printed}");

    // A run that starts from a trained model starts with a lower loss.
    let begun = ["train", &image, "--from", &path("b.nca"), "--iterations", "1", "-o", &path("c.nca")];
    let config = ["--config", &config];
    succeed(&[&begun[..], &config].concat());
    let losses = |run: &str| {
        let text = std::fs::read_to_string(path(run)).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        line["loss"].as_f64().unwrap()
    };
    let (from_model, from_nothing) = (losses("c.run/metrics.jsonl"), losses("a.run/metrics.jsonl"));
    assert!(from_model < from_nothing, "{from_model}, {from_nothing}");
    let texture = golden_model("texture");
    let message = fail(&[&["train", &image, "--from", &texture, "-o", &path("d.nca")], &config[..]].concat());
    assert!(message.contains("OpaqueCentered") && message.contains("expected"), "{message}");
}

#[test]
fn a_folder_with_other_files_is_no_place_for_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [image, config] = small_run(folder.path());
    std::fs::create_dir(path("mine")).unwrap();
    for name in ["config.json", "best.nca", "thesis.txt"] {
        std::fs::write(folder.path().join("mine").join(name), "precious").unwrap();
    }
    let train = ["train", &image, "--config", &config, "--run-dir", &path("mine"), "-o", &path("a.nca")];
    let message = fail(&train);
    assert!(
        message.contains("mine: expected a new or empty folder") && message.contains("found `best.nca`"),
        "{message}"
    );
    for name in ["config.json", "best.nca", "thesis.txt"] {
        assert_eq!(std::fs::read_to_string(folder.path().join("mine").join(name)).unwrap(), "precious");
    }
    assert_eq!(std::fs::read_dir(path("mine")).unwrap().count(), 3);
}

/// A picture lives in a generic body at once, with its own aspect.
#[test]
fn a_skin_is_painted_with_and_without_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    image::RgbaImage::from_pixel(120, 60, image::Rgba([200, 90, 20, 255])).save(path("plank.png")).unwrap();
    succeed(&["import", &path("plank.png"), "-o", &path("new/plank.nca")]);
    let size = |name: &str| image::image_dimensions(path(name)).unwrap();
    let visible = |name: &str| {
        let image = image::open(path(name)).unwrap().into_rgba8();
        image.pixels().filter(|pixel| pixel.0 == [200, 90, 20, 255]).count()
    };
    let skin = path("plank.png");
    succeed(&["run", &path("new/plank.nca"), "--skin", &skin, "-o", &path("own.png")]);
    succeed(&["run", "--skin", &skin, "--scale", "2", "-o", &path("generic.png")]);
    assert_eq!(visible("own.png"), 120 * 60, "{:?}", size("own.png"));
    assert_eq!(visible("generic.png"), 4 * 120 * 60, "{:?}", size("generic.png"));
    // Two frames of 60x60, of which an animation plays both.
    succeed(&["run", "--skin", &skin, "--frames", "2x1", "--ticks", "20", "-o", &path("frames.apng")]);
    assert!(fail(&["run", "--skin", &skin, "--frames", "7x1", "-o", &path("a.png")]).contains("plank.png"));
    // The same frames by their size.
    succeed(&["run", "--skin", &skin, "--tile", "60x60", "--ticks", "20", "-o", &path("tiles.apng")]);
    assert_eq!(std::fs::read(path("tiles.apng")).unwrap(), std::fs::read(path("frames.apng")).unwrap());
    let message = fail(&["run", "--skin", &skin, "--tile", "50x60", "-o", &path("a.png")]);
    assert!(message.contains("120x60 pixels cannot be cut into frames of 50x60 pixels"), "{message}");
    assert!(fail(&["run", "--frames", "2x1", &path("new/plank.nca"), "-o", &path("a.png")]).contains("--skin"));
    assert!(fail(&["run", "--skin", &skin, "--angle", "90", "-o", &path("a.png")]).contains("--angle"));
    assert!(fail(&["run", "-o", &path("a.png")]).contains("MODEL"));
}

/// A guessed UV sheet finds most of what has moved. It is measured by the exact one, which lays the parts of the knight out
/// beside each other.
#[test]
fn a_uv_sheet_is_guessed() {
    const SIDE: u32 = 144;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let art = |name: &str| format!("{}/assets/art/{name}.png", env!("CARGO_MANIFEST_DIR"));
    let whole = image::open(art("knight")).unwrap().into_rgba8();
    // A frame in which it stands, and four in which it walks.
    let cut = |sheet: &image::RgbaImage| {
        let mut cut = image::RgbaImage::new(5 * SIDE, SIDE);
        for (index, x, y) in [(0, 0, 0), (1, 0, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1)] {
            let frame = image::imageops::crop_imm(sheet, x * SIDE, y * SIDE, SIDE, SIDE).to_image();
            image::imageops::replace(&mut cut, &frame, i64::from(index * SIDE), 0);
        }
        cut
    };
    cut(&whole).save(path("knight.png")).unwrap();
    let exact = cut(&image::open(art("knight_uv")).unwrap().into_rgba8());
    let printed = succeed(&["uv", &path("knight.png"), "--tile", "144x144", "-o", &path("uv.png")]);
    assert!(printed.contains("have moved since frame 0"), "{printed}");
    let guess = image::open(path("uv.png")).unwrap().into_rgba8();
    assert_eq!(guess.dimensions(), (5 * SIDE, SIDE));
    let lies_at = |x: u32, y: u32| {
        let [u, v, _, alpha] = exact.get_pixel(x, y).0;
        (alpha > 0).then_some([f32::from(u), f32::from(v)])
    };
    // Whether a place in the first frame is on the same part of the body, at about the same place.
    let is_right = |[x, y]: [u32; 2], expected: [f32; 2]| {
        let found = (x < SIDE && y < SIDE).then(|| lies_at(x, y)).flatten();
        found.is_some_and(|found| (found[0] - expected[0]).hypot(found[1] - expected[1]) < 8.0)
    };
    let (mut guessed, mut still, mut all) = (0, 0, 0);
    for (x, y) in (0..4 * SIDE * SIDE).map(|index| (index % (4 * SIDE) + SIDE, index / (4 * SIDE))) {
        let Some(expected) = lies_at(x, y) else { continue };
        let own = [x % SIDE, y];
        let [u, v, _, alpha] = guess.get_pixel(x, y).0;
        let found = if alpha > 0 { [u, v].map(|at| u32::from(at) * SIDE / 255) } else { own };
        all += 1;
        guessed += u32::from(is_right(found, expected));
        still += u32::from(is_right(own, expected));
    }
    assert!(all - guessed < (all - still) * 3 / 4, "{guessed} and {still} of {all} are right");

    assert!(fail(&["uv", &path("knight.png"), "--frames", "1x1", "-o", &path("a.png")]).contains("two frames"));
    assert!(fail(&["uv", &path("knight.png"), "--tile", "100x100", "-o", &path("a.png")]).contains("100x100"));
    assert!(fail(&["uv", &path("knight.png"), "--tile", "144x144", "-o", &path("a.gif")]).contains(".png"));
    assert!(fail(&["uv", &path("knight.png"), "-o", &path("a.png")]).contains("--frames"));

    assert!(fail(&["uv", &path("knight.png"), "--tile", "144x144", "-o", &path("./knight.png")]).contains("another"));

    // Both sheets are cut into the same frames, at any resolution.
    let skin = ["run", "--skin", &path("knight.png"), "--tile", "144x144", "--ticks", "90"];
    succeed(&[&skin[..], &["--uv", &path("uv.png"), "-o", &path("run.png")]].concat());
    image::imageops::thumbnail(&guess, 5 * SIDE / 2, SIDE / 2).save(path("half.png")).unwrap();
    succeed(&[&skin[..], &["--uv", &path("half.png"), "-o", &path("half_run.png")]].concat());
    let message = fail(&[&skin[..], &["--uv", &art("knight_uv"), "-o", &path("a.png")]].concat());
    assert!(message.contains("knight_uv.png: 1152x288 pixels cannot be cut into 5x1 frames"), "{message}");
    let slime = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca");
    assert!(fail(&["run", slime, "--uv", &path("uv.png"), "-o", &path("a.png")]).contains("--uv need"));
}

#[test]
fn a_picture_is_imported_into_a_generic_body() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let red = image::Rgba([200, 10, 10, 255]);
    image::RgbaImage::from_pixel(64, 20, red).save(path("plank.png")).unwrap();
    let printed = succeed(&["import", &path("plank.png"), "-o", &path("plank.nca")]);
    assert!(printed.contains("a rectangle of 3:1 of 33 x 11 cells"), "{printed}");
    let model = Model::read(path("plank.nca")).unwrap();
    let target = model.target().unwrap();
    assert_eq!((model.rule().name.as_str(), target.width, target.height), ("plank", 33, 11));
    let rows: Vec<bool> = target.rgba.chunks(33 * 4).map(|row| row[..4] == red.0).collect();
    assert_eq!(rows.iter().filter(|is_red| **is_red).count(), 10, "64 to 20 is 33 to 10");
    // It is grown by tick 200.
    succeed(&["run", &path("plank.nca"), "--ticks", "200", "-o", &path("plank.png")]);
    let shown = image::open(path("plank.png")).unwrap().to_rgba8();
    assert!(shown.pixels().filter(|pixel| **pixel == red).count() >= 320, "33 x 10 pixels");
    assert!(fail(&["import", &path("nowhere.png"), "-o", &path("a.nca")]).contains("nowhere.png"));
    assert!(fail(&["import", &path("plank.png"), "-o", &path("plank.png")]).contains(".nca"), "the picture is kept");
    image::RgbaImage::new(9, 9).save(path("nothing.png")).unwrap();
    assert!(fail(&["import", &path("nothing.png"), "-o", &path("a.nca")]).contains("transparent"));
    assert!(fail(&["import", &path("a.json"), "--frames", "2x1", "-o", &path("a.nca")]).contains("--frames"));
}

/// A row of frames needs `--frames`, and the union of the frames is grown. Pixel art is scaled by whole factors.
#[test]
fn sheets_and_pixel_art_are_not_squeezed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [_, config] = small_run(folder.path());
    let disc = crate::train::picture(8);
    let sheet = image::RgbaImage::from_fn(12 * 6, 12, |x, y| {
        let (x, y) = ((x % 12) as usize, y as usize);
        let inside = (2..10).contains(&x) && (2..10).contains(&y);
        let pixel = if inside { ((y - 2) * 8 + x - 2) * 4 } else { return image::Rgba([0; 4]) };
        image::Rgba(disc.rgba[pixel..pixel + 4].try_into().unwrap())
    });
    sheet.save(path("sheet.png")).unwrap();
    let train = ["train", &path("sheet.png"), "--config", &config, "--iterations", "1", "-o", &path("a.nca")];
    let message = fail(&train);
    assert!(message.contains("72x12 pixels look like a sheet") && message.contains("--frames 6x1"), "{message}");
    let output = nca(&[&train[..], &["--frames", "6x1"]].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.starts_with(&path("a.nca")), "{told}");
    assert!(told.contains("a body of coordinates") && told.contains("less than a minute"), "{told}");
    let target = Model::read(path("a.nca")).unwrap().target().unwrap().clone();
    assert_eq!((target.width, target.height), (12, 12));
    assert!(fail(&[&train[..], &["--frames", "7x1"]].concat()).contains("7x1 frames of whole pixels"));
    assert!(fail(&[&train[..], &["--frames", "7"]].concat()).contains("COLUMNSxROWS"));
    let train = ["train", &path("disc.png"), "--config", &config, "--iterations", "1", "--size", "20", "-o"];
    succeed(&[&train[..], &[&path("b.nca")]].concat());
    let size = |name: &str| Model::read(path(name)).unwrap().target().unwrap().width;
    assert_eq!(size("b.nca"), 16, "twice 8 pixels");
    succeed(&[&train[..], &[&path("c.nca"), "--filter", "lanczos"]].concat());
    assert_eq!(size("c.nca"), 20);
    // By default, a picture has the size that heals best, or with `--colours` its own.
    let train = ["train", &path("disc.png"), "--config", &config, "--iterations", "1", "-o"];
    succeed(&[&train[..], &[&path("d.nca")]].concat());
    assert_eq!(size("d.nca"), 16, "at least 12");
    succeed(&[&train[..], &[&path("own.nca"), "--size", "own"]].concat());
    assert_eq!(size("own.nca"), 8);
    succeed(&[&train[..], &[&path("e.nca"), "--colours"]].concat());
    let model = Model::read(path("e.nca")).unwrap();
    assert_eq!((size("e.nca"), model.rule().version), (8, 1));
}

#[test]
fn what_a_file_says_does_not_reach_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let model = Model::read(golden_model("small")).unwrap();
    let evil = model.map_rule(|rule| {
        rule.name = "a\u{1b}[2Jb\u{9b}31m\u{202e}".to_owned();
        rule.extra.insert("k\u{1b}".to_owned(), "v\u{9b}".into());
    });
    evil.unwrap().write(path("evil.nca")).unwrap();
    let info = succeed(&["info", &path("evil.nca")]);
    assert!(info.contains(r"a\u{1b}[2Jb\u{9b}31m\u{202e}") && info.contains(r"k\u{1b}"), "{info}");
    assert!(!info.chars().any(|char| char.is_control() && char != '\n'), "{info:?}");
}

/// A rule with so many ticks that it would run forever is refused.
#[test]
fn no_file_makes_a_program_run_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slow.nca").to_str().unwrap().to_owned();
    let bytes = std::fs::read(golden_model("small")).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.find("mature_ticks").unwrap();
    let number: String =
        text[at..].chars().skip_while(|char| !char.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    // Keep the header's length by dropping padding spaces, or adjust it if there are too few.
    let digits = at + text[at..].find(&number).unwrap();
    let mut bytes = bytes;
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let end = 8 + length;
    let padding = bytes[8..end].iter().rev().take_while(|byte| **byte == b' ').count();
    let more = "4294967295".len() - number.len();
    bytes.splice(digits..digits + number.len(), *b"4294967295");
    if padding >= more {
        bytes.drain(end..end + more);
    } else {
        bytes[..8].copy_from_slice(&((length + more) as u64).to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    for command in [&["run", &path, "-o", "never.png"][..], &["bench", &path], &["info", &path]] {
        let message = fail(command);
        assert!(message.contains("`mature_ticks`: expected 1 to 100000 ticks, found 4294967295"), "{message}");
    }
}
