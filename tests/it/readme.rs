//! The README matches the code.

use std::{io::Write, process::Command};

use bevy_nca::rule::Model;

const README: &str = include_str!("../../README.md");

#[test]
fn the_code_is_that_of_the_example() {
    let example = include_str!("../../examples/minimal.rs");
    assert!(README.contains(&format!("```rust\n{example}```\n")), "README and examples/minimal.rs differ");
}

#[test]
fn every_feature_and_file_it_names_is_there() {
    let manifest = include_str!("../../Cargo.toml");
    for feature in ["ui", "pbr", "picking", "avian2d", "record", "train", "ndarray", "wgpu", "cuda", "cli", "egui"] {
        assert!(README.contains(&format!("`{feature}`")) && manifest.contains(&format!("\n{feature} = [")));
    }
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for file in std::fs::read_dir(examples).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(name == "support" || README.contains(&format!("| `{name}` |")), "{name} is not in README");
    }
    for (_, rest) in README.match_indices("assets/").map(|(at, _)| README.split_at(at)) {
        let path = rest.split([')', ' ', '\n', '`']).next().unwrap();
        if path.contains(['*', '$']) {
            continue;
        }
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        assert!(path.exists(), "{} is not there", path.display());
    }
}

#[test]
fn it_names_the_version_of_wasm_bindgen() {
    let lock = include_str!("../../Cargo.lock");
    let version = lock.split("name = \"wasm-bindgen\"\nversion = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(README.contains(&format!("wasm-bindgen-cli --version {version} ")), "it is {version}");
}

/// Runs the README's script that exports models from other frameworks. Skips it if Python lacks numpy or safetensors,
/// or fails if `NCA_REQUIRE_PYTHON` is set.
#[test]
fn the_python_script_writes_a_model_that_loads() {
    let python = std::env::var("NCA_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = |script: &str| Command::new(&python).args(["-c", script]).output();
    if !run("import numpy, safetensors.numpy").is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var("NCA_REQUIRE_PYTHON").is_err(),
            "NCA_REQUIRE_PYTHON is set, but {python} has no numpy and safetensors"
        );
        let line = "##### NO PYTHON WITH NUMPY AND SAFETENSORS: THE SCRIPT OF THE README IS NOT TESTED #####\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let (_, script) = README.split_once("<!-- tested -->\n```python\n").unwrap();
    let (script, _) = script.split_once("```\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.nca");
    let call = format!(
        "{script}\nw1 = np.arange(24 * 16).reshape(16, 24).T / 100\nw2 = np.ones((16, 8)) / 4\n\
         save_nca({path:?}, w1, None, w2, np.arange(8), (20, 10), name=\"there\", fire_rate=0.25)"
    );
    let output = run(&call).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let model = Model::read(&path).unwrap();
    let rule = model.rule();
    assert_eq!((rule.name.as_str(), rule.grid, rule.channels, rule.hidden), ("there", [20, 10], 8, 16));
    assert_eq!(rule.fire_rate, 0.25);
    let weights = model.weights();
    // Input 2 of hidden unit 3. In the transposed matrix it has another value.
    assert_eq!(weights.hidden_weight[2 * 16 + 3], 0.74);
    assert_eq!(weights.output_bias, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert!(weights.hidden_bias.iter().all(|bias| *bias == 0.0));
    // The same with forms.
    let call = call.replace("fire_rate=0.25", "forms={\"calm\": np.zeros(16), \"hurt\": np.ones(16)}");
    let output = run(&call).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let model = Model::read(&path).unwrap();
    assert_eq!((&model.rule().forms[..], model.rule().version), (&["calm".to_owned(), "hurt".to_owned()][..], 2));
    assert_eq!(model.weights().form_bias[15..17], [0.0, 1.0]);
}
