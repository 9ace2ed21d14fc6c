//! Builds the page in `web/`, and serves it on this machine: `cargo run --release -p serve`.
//!
//! `-- webgl2` or `-- webgpu` builds only one of its two builds, and `--build` serves nothing. What comes out lies in
//! `target/page`, ready for any web server.
//!
//! It needs the standard library for WebAssembly (`rustup target add wasm32-unknown-unknown`) and wasm-bindgen (the version
//! of `Cargo.lock`: `cargo install wasm-bindgen-cli --version VERSION`).

use std::{
    error::Error,
    fs::{self, File},
    io::ErrorKind,
    path::{Component, Path, PathBuf},
    process::Command,
};

use tiny_http::{Header, Response, Server, StatusCode};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TARGET: &str = "wasm32-unknown-unknown";
const PORT: u16 = 8080;
/// The two builds: the CPU engine in any browser, and the shaders where there is WebGPU.
const BUILDS: [&str; 2] = ["webgl2", "webgpu"];
/// What every browser of today has.
const FEATURES: &str = "-Ctarget-feature=+simd128";
/// The assets that the page shows, and their place in it.
const ASSETS: [(&str, &str); 4] =
    [("models", "models"), ("materials", "materials"), ("art", "art"), ("targets/potion.png", "guest.png")];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let unknown = |argument: &&String| argument.as_str() != "--build" && !BUILDS.contains(&argument.as_str());
    if let Some(unknown) = arguments.iter().find(unknown) {
        return Err(format!("expected `webgl2`, `webgpu` or `--build`, found `{unknown}`").into());
    }
    let wanted = |build: &&str| arguments.iter().any(|argument| argument == build);
    let mut builds: Vec<&str> = BUILDS.into_iter().filter(wanted).collect();
    if builds.is_empty() {
        builds = BUILDS.to_vec();
    }
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let page = root.join("target/page");
    // A build of an earlier time would be served too.
    match fs::remove_dir_all(&page) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    for build in builds {
        make(build, &root, &page)?;
    }
    copy_files(&root, &page)?;
    if arguments.iter().any(|argument| argument == "--build") {
        println!("the page is in {}", page.display());
        return Ok(());
    }
    serve(&page)
}

/// Compiles a build, and writes its glue.
fn make(build: &str, root: &Path, page: &Path) -> Result<()> {
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", TARGET.replace('-', "_").to_uppercase());
    let flags = std::env::var(&variable).unwrap_or_default();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut compile = Command::new(cargo);
    compile
        .current_dir(root)
        .args(["build", "--locked", "--profile", "web", "--target", TARGET, "--package", "bevy_nca_web"])
        .args(["--features", build, "--target-dir"])
        .arg(root.join("target"))
        .env(variable, format!("{flags} {FEATURES}"));
    run(&mut compile, &format!("`rustup target add {TARGET}` installs what WebAssembly needs"))?;

    let compiled = root.join("target").join(TARGET).join("web/bevy_nca_web.wasm");
    let mut bind = Command::new("wasm-bindgen");
    // Without the names of functions, which are a third of it.
    bind.args(["--target", "web", "--no-typescript", "--remove-name-section", "--remove-producers-section"]);
    bind.args(["--out-name", "page", "--out-dir"]).arg(page.join(build)).arg(compiled);
    let version = bindgen_version(root)?;
    run(&mut bind, &format!("`cargo install wasm-bindgen-cli --version {version}` installs it"))
}

/// Runs a program, and says how to get it if it fails.
fn run(command: &mut Command, advice: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("{program} has failed; {advice}").into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!("{program} was not found; {advice}").into()),
        Err(error) => Err(error.into()),
    }
}

/// The version of wasm-bindgen that the page is compiled with, which its program must have too.
fn bindgen_version(root: &Path) -> Result<String> {
    let lock = fs::read_to_string(root.join("Cargo.lock"))?;
    let after = lock.split("name = \"wasm-bindgen\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(after.ok_or("Cargo.lock does not name wasm-bindgen")?.to_owned())
}

/// Copies what is not compiled, and notes the sizes of the builds.
fn copy_files(root: &Path, page: &Path) -> Result<()> {
    for name in ["index.html", "page.css", "page.js", "worker.js", "icon.svg"] {
        fs::copy(root.join("web").join(name), page.join(name))?;
    }
    for (from, to) in ASSETS {
        copy(&root.join("assets").join(from), &page.join("assets").join(to))?;
    }
    let mut sizes = Vec::new();
    for build in BUILDS {
        if let Ok(file) = fs::metadata(page.join(build).join("page_bg.wasm")) {
            println!("{build}: {:.1} MB", file.len() as f64 / 1e6);
            sizes.push(format!("\"{build}\": {}", file.len()));
        }
    }
    fs::write(page.join("sizes.json"), format!("{{ {} }}\n", sizes.join(", ")))?;
    Ok(())
}

/// Copies a file, or the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(from, to)?;
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Serves a folder to browsers of this machine.
fn serve(page: &Path) -> Result<()> {
    let server = Server::http(("127.0.0.1", PORT)).or_else(|_| Server::http(("127.0.0.1", 0)));
    let server = server.map_err(|error| error.to_string())?;
    println!("http://{} (Ctrl+C stops)", server.server_addr());
    for request in server.incoming_requests() {
        let file = wanted(page, request.url()).and_then(|path| Some((File::open(&path).ok()?, path)));
        // A browser that has gone away is no error.
        let _ = match file {
            Some((file, path)) => request.respond(Response::from_file(file).with_header(content_type(&path)?)),
            None => request.respond(Response::from_string("not found").with_status_code(StatusCode(404))),
        };
    }
    Ok(())
}

/// The file of a request; `None` if it is outside of the folder.
fn wanted(page: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?.trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let is_inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    is_inside.then(|| page.join(path))
}

fn content_type(path: &Path) -> Result<Header> {
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    format!("Content-Type: {kind}").parse().map_err(|()| "not a header".into())
}
