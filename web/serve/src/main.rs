//! Builds what runs in browsers, and serves it on this machine: `cargo run --release -p serve`.
//!
//! Without names it builds the page in `web/`. `-- page game studio` also builds two of the examples, `--only webgl2` one
//! of the two builds of each, and `--build` serves nothing. What comes out lies in `target/page`, ready for any web server.
//!
//! It needs the standard library for WebAssembly (`rustup target add wasm32-unknown-unknown`) and wasm-bindgen (the version
//! of `Cargo.lock`: `cargo install wasm-bindgen-cli --version VERSION`).

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::ErrorKind,
    path::{Component, Path, PathBuf},
    process::Command,
};

use clap::{Parser, ValueEnum};
use tiny_http::{Header, Response, Server, StatusCode};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TARGET: &str = "wasm32-unknown-unknown";
const PORT: u16 = 8080;
/// What every browser of today has.
const FEATURES: &str = "-Ctarget-feature=+simd128";
/// The features of the crate that the examples need. They are compiled together.
const EXAMPLE_FEATURES: &str = "cli,egui,train";
/// The assets that are shown, and their place.
const ASSETS: [(&str, &str); 4] =
    [("models", "models"), ("materials", "materials"), ("art", "art"), ("targets/potion.png", "guest.png")];

/// Builds what runs in browsers, and serves it on this machine.
#[derive(Parser)]
struct Args {
    /// What to build.
    #[arg(default_value = "page")]
    apps: Vec<App>,
    /// Makes only one of the two builds: for any browser, or for those with WebGPU.
    #[arg(long, value_name = "BUILD")]
    only: Option<Build>,
    /// Builds, but serves nothing.
    #[arg(long)]
    build: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum App {
    Page,
    Game,
    Studio,
}

impl App {
    fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Game => "game",
            Self::Studio => "studio",
        }
    }

    /// The file that is compiled, in the folder of the profile.
    fn compiled(self) -> String {
        match self {
            Self::Page => "bevy_nca_web.wasm".to_owned(),
            example => format!("examples/{}.wasm", example.name()),
        }
    }
}

/// The CPU engine in any browser, or the shaders where there is WebGPU.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Build {
    Webgl2,
    Webgpu,
}

impl Build {
    const ALL: [Self; 2] = [Self::Webgl2, Self::Webgpu];

    fn name(self) -> &'static str {
        match self {
            Self::Webgl2 => "webgl2",
            Self::Webgpu => "webgpu",
        }
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let page = root.join("target/page");
    // What was built earlier would be served too.
    match fs::remove_dir_all(&page) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    for build in Build::ALL.into_iter().filter(|build| args.only.is_none_or(|only| only == *build)) {
        compile(&args.apps, build, &root)?;
        for app in &args.apps {
            bind(*app, build, &root, &page)?;
        }
    }
    copy_files(&root, &page)?;
    if args.build {
        println!("{}", page.display());
        return Ok(());
    }
    serve(&page, &args.apps)
}

/// Compiles a build of some apps.
fn compile(apps: &[App], build: Build, root: &Path) -> Result<()> {
    let (pages, examples): (Vec<App>, Vec<App>) = apps.iter().partition(|app| **app == App::Page);
    if !pages.is_empty() {
        cargo(root, &["--package", "bevy_nca_web", "--features", build.name()])?;
    }
    if !examples.is_empty() {
        let features = format!("{EXAMPLE_FEATURES},bevy/{}", build.name());
        let mut arguments = vec!["--package", "bevy_nca", "--features", &features];
        arguments.extend(examples.iter().flat_map(|example| ["--example", example.name()]));
        cargo(root, &arguments)?;
    }
    Ok(())
}

/// Compiles for browsers.
fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", TARGET.replace('-', "_").to_uppercase());
    let flags = std::env::var(&variable).unwrap_or_default();
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--profile", "web", "--target", TARGET, "--target-dir"])
        .arg(root.join("target"))
        .args(arguments)
        .env(variable, format!("{flags} {FEATURES}"));
    run(&mut cargo, &format!("`rustup target add {TARGET}` installs what WebAssembly needs"))
}

/// Writes the glue of a build between JavaScript and what was compiled.
fn bind(app: App, build: Build, root: &Path, page: &Path) -> Result<()> {
    let compiled = root.join("target").join(TARGET).join("web").join(app.compiled());
    let mut bind = Command::new("wasm-bindgen");
    // Without the names of functions, which are a third of it.
    bind.args(["--target", "web", "--no-typescript", "--remove-name-section", "--remove-producers-section"]);
    bind.args(["--out-name", app.name(), "--out-dir"]).arg(page.join(build.name())).arg(compiled);
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
    for name in ["index.html", "play.html", "page.css", "load.js", "page.js", "play.js", "worker.js", "icon.svg"] {
        fs::copy(root.join("web").join(name), page.join(name))?;
    }
    for (from, to) in ASSETS {
        copy(&root.join("assets").join(from), &page.join("assets").join(to))?;
    }
    let mut sizes = BTreeMap::<&str, BTreeMap<&str, u64>>::new();
    for (app, build) in App::value_variants().iter().flat_map(|app| Build::ALL.map(|build| (app.name(), build.name())))
    {
        if let Ok(file) = fs::metadata(page.join(build).join(format!("{app}_bg.wasm"))) {
            println!("{app}, {build}: {:.1} MB", file.len() as f64 / 1e6);
            sizes.entry(app).or_default().insert(build, file.len());
        }
    }
    fs::write(page.join("sizes.json"), serde_json::to_string(&sizes)?)?;
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
fn serve(page: &Path, apps: &[App]) -> Result<()> {
    let server = Server::http(("127.0.0.1", PORT)).or_else(|_| Server::http(("127.0.0.1", 0)));
    let server = server.map_err(|error| error.to_string())?;
    for app in apps {
        let file = if *app == App::Page { String::new() } else { format!("play.html?app={}", app.name()) };
        println!("http://{}/{file}", server.server_addr());
    }
    println!("Ctrl+C stops");
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
