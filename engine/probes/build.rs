//! Compiles the functions of C that the probes of foreign calls call (`src/ffi/c`), once as a static library and once
//! as a shared one, and finds the Python extension that Cargo has built as a build-dependency. The shared library and
//! the extension are embedded in the engine.
//!
//! Without a shared library, or without an extension, an empty file is embedded and the probes skip what needs it: the
//! build itself asks for no more than a Rust toolchain and a C compiler.

use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The sources of C, and the headers that they read.
const STATIC: &[&str] = &["ladder.c", "safety.c"];
const SHARED: &[&str] = &["ladder.c", "shared.c"];
const HEADERS: &[&str] = &["ladder.h", "safety.h"];
/// What Cargo calls the library of `engine-python`.
const EXTENSION: &str = "libengine_python.so";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo sets OUT_DIR")?);
    let folder = Path::new("src/ffi/c");
    let sources = |names: &[&str]| names.iter().map(|name| folder.join(name)).collect::<Vec<_>>();
    for path in sources(STATIC).iter().chain(&sources(SHARED)).chain(&sources(HEADERS)) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!("cargo::rerun-if-changed=../python/src");

    // The same level for both, whatever the profile: an unoptimised callee measures nothing.
    let mut build = cc::Build::new();
    build.include(folder).std("gnu11").opt_level(3).warnings(true).extra_warnings(true);
    build.clone().files(sources(STATIC)).try_compile("engine_ladder")?;

    let shared = out.join("libladder.so");
    if let Err(reason) = share(&build, &sources(SHARED), &shared) {
        println!("cargo::warning=no shared library: {reason}; `ffi.native` will skip what needs it");
        fs::write(&shared, [])?;
    }
    let extension = out.join("engine_python.so");
    match built_extension(&out) {
        Some(found) => {
            println!("cargo::rerun-if-changed={}", found.display());
            fs::copy(found, extension)?;
        }
        None => {
            println!("cargo::warning=`{EXTENSION}` is not where Cargo used to put it; `ffi.python` will be skipped");
            fs::write(extension, [])?;
        }
    }
    Ok(())
}

/// Links the sources into a shared library whose calls between files go through its linkage table.
fn share(build: &cc::Build, sources: &[PathBuf], to: &Path) -> Result<(), String> {
    let mut build = build.clone();
    build.pic(true).flag_if_supported("-fplt");
    let compiler = build.try_get_compiler().map_err(|error| error.to_string())?;
    let done = compiler.to_command().arg("-shared").arg("-o").arg(to).args(sources).output();
    let done = done.map_err(|error| error.to_string())?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().replace('\n', " ")) }
}

/// The extension in Cargo's build folder. Build-dependencies are built for the machine that builds: for another one
/// there is no extension. With `--target` they lie beside the target's folder, not in it.
fn built_extension(out: &Path) -> Option<PathBuf> {
    if env::var_os("HOST") != env::var_os("TARGET") {
        return None;
    }
    // OUT_DIR is `<profile>/build/<package>/out`.
    let profile: &OsStr = out.ancestors().nth(3)?.file_name()?;
    let places = out.ancestors().skip(1).take(6);
    places
        .flat_map(|place| [place.join("deps"), place.join(profile).join("deps")])
        .map(|folder| folder.join(EXTENSION))
        .find(|path| path.is_file())
}
