//! The README says what the code does.

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
