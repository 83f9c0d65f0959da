//! What it takes to count instructions: an emulator with plugins, which Debian's has not, a C library for static guests of both hosts, and the peers.

use std::fs;
use std::path::{Path, PathBuf};

use super::setup::{Suite, prefix};
use crate::TaskResult;
use crate::run::{command, output, run};

/// Suites with the emulator's source, with the peers, and with the libraries that the emulator is built with.
const SOURCES: &[&str] = &["sid", "forky"];
const PEERS: &str = "forky";
const LIBRARIES: &str = "bookworm";

/// The oldest emulator that sees changes of code through every mapping.
const LEAST: (u32, u32) = (10, 2);

/// What the emulator is built with.
const DEVELOPMENT: &[&str] =
    &["libglib2.0-dev", "libglib2.0-0", "libpcre2-dev", "libmount-dev", "libblkid-dev", "libselinux1-dev", "libsepol-dev", "libffi-dev", "zlib1g-dev"];

/// Programs for aarch64 to compare with, and the libraries that they run on.
const COMPARED: &[&str] = &["box64:arm64", "qemu-user:arm64", "libc6:arm64", "libgcc-s1:arm64", "libstdc++6:arm64"];

/// The plugin's file.
const PLUGIN: &str = "libcount.so";

/// Where it is.
pub struct Tools {
    dir: PathBuf,
}

impl Tools {
    /// Unpacks and builds what isn't there yet: some minutes, and 1 GB on the way.
    pub fn new() -> Result<Self, String> {
        let tools = Self { dir: prefix().join("count") };
        if !tools.dir.join("ready").exists() {
            fs::create_dir_all(&tools.dir).map_err(|e| format!("{}: {e}", tools.dir.display()))?;
            tools.musl()?;
            tools.peers()?;
            tools.emulator()?;
            fs::write(tools.dir.join("ready"), "").map_err(|e| e.to_string())?;
        }
        Ok(tools)
    }

    fn musl(&self) -> TaskResult {
        Suite::new(&self.dir, LIBRARIES)?.unpack(&self.dir.join("musl"), &["musl-dev:amd64", "musl-dev:arm64"])
    }

    fn peers(&self) -> TaskResult {
        let to = self.dir.join("peers");
        Suite::new(&self.dir, PEERS)?.unpack(&to, COMPARED)?;
        // As on a system with merged directories.
        let _ = std::os::unix::fs::symlink("usr/lib", to.join("lib"));
        Ok(())
    }

    /// The peers' root, with their programs in `usr/bin`.
    pub fn root(&self) -> PathBuf {
        self.dir.join("peers")
    }

    /// The emulator and its option for the plugin in `dir`, which writes to `out`.
    pub fn emulator_counting(&self, dir: &Path, out: &Path) -> [String; 3] {
        let plugin = format!("{},out={}", dir.join(PLUGIN).display(), out.display());
        [self.dir.join("qemu-aarch64").display().to_string(), "-plugin".to_owned(), plugin]
    }

    fn glib_flags(&self) -> Vec<String> {
        let usr = self.dir.join("development/usr");
        let lib = usr.join("lib/x86_64-linux-gnu/glib-2.0/include");
        vec![format!("-I{}", usr.join("include/glib-2.0").display()), format!("-I{}", lib.display())]
    }

    /// Compiles this checkout's plugin to `dir`.
    pub fn plugin(&self, dir: &Path) -> TaskResult {
        let mut c = command("gcc", &["-O2", "-shared", "-fPIC", "xtask/src/aarch64/count.c", "-o"]);
        c.arg(dir.join(PLUGIN)).arg(format!("-I{}", self.dir.join("include").display())).args(self.glib_flags());
        run(&mut c)
    }

    /// Builds the emulator from Debian's source, as little of it as there can be.
    fn emulator(&self) -> TaskResult {
        Suite::new(&self.dir, LIBRARIES)?.unpack(&self.dir.join("development"), DEVELOPMENT)?;
        let source = self.dir.join("source");
        Suite::of_sources(&self.dir, SOURCES)?.source(&source, "qemu", LEAST)?;
        // Debian's source lacks the firmware, and the tests aren't wanted.
        let recipe = source.join("meson.build");
        let text = fs::read_to_string(&recipe).map_err(|e| format!("{}: {e}", recipe.display()))?;
        let text = text.replace("subdir('pc-bios')", "# no firmware").replace("  subdir('tests')", "  message('no tests')");
        fs::write(&recipe, text).map_err(|e| format!("{}: {e}", recipe.display()))?;
        let venv = self.dir.join("venv");
        run(command("python3", &["-m", "venv"]).arg(&venv))?;
        let python = venv.join("bin/python3");
        run(&mut command(&python.to_string_lossy(), &["-m", "pip", "install", "-q", "ninja", "meson>=1.8", "pycotap", "distlib", "setuptools"]))?;
        let build = self.dir.join("build");
        fs::create_dir_all(&build).map_err(|e| format!("{}: {e}", build.display()))?;
        let development = self.dir.join("development");
        let usr = development.join("usr");
        let path = format!("{}:{}", venv.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let in_build = |program: &Path, args: &[&str]| {
            let mut c = command(&program.to_string_lossy(), args);
            c.current_dir(&build).env("PATH", &path).env("PKG_CONFIG_SYSROOT_DIR", &development);
            c.env("PKG_CONFIG_LIBDIR", format!("{0}/lib/x86_64-linux-gnu/pkgconfig:{0}/share/pkgconfig", usr.display()));
            c
        };
        let options = [
            "--target-list=aarch64-linux-user",
            "--without-default-features",
            "--enable-linux-user",
            "--enable-tcg",
            "--enable-plugins",
            "--disable-system",
            "--disable-tools",
            "--disable-docs",
            "--disable-download",
            "--disable-werror",
        ];
        run(in_build(&source.join("configure"), &options).arg(format!("--python={}", python.display())).stdout(std::process::Stdio::null()))?;
        run(in_build(&venv.join("bin/ninja"), &["qemu-aarch64"]).stdout(std::process::Stdio::null()))?;
        let include = self.dir.join("include");
        fs::create_dir_all(&include).map_err(|e| e.to_string())?;
        let header = output(command("find", &[]).arg(&source).args(["-name", "qemu-plugin.h"])).unwrap_or_default();
        let header = header.lines().next().ok_or("the emulator's source has no qemu-plugin.h")?;
        fs::copy(header, include.join("qemu-plugin.h")).map_err(|e| format!("{header}: {e}"))?;
        fs::copy(build.join("qemu-aarch64"), self.dir.join("qemu-aarch64")).map_err(|e| e.to_string())?;
        for d in [build, source, venv] {
            let _ = fs::remove_dir_all(d);
        }
        Ok(())
    }

    /// Compiles a C program of one file into a static one, for aarch64 or for x86-64. The C library is musl on both: box64 doesn't run static programs of glibc's. Products and sums
    /// aren't fused, so that both print the same.
    pub fn compile(&self, source: &Path, to: &Path, arm: bool) -> TaskResult {
        let (gcc, triple) = if arm { (prefix().join("bin/aarch64-linux-gnu-gcc"), "aarch64-linux-musl") } else { (PathBuf::from("gcc"), "x86_64-linux-musl") };
        let usr = self.dir.join("musl/usr");
        let (lib, include) = (usr.join("lib").join(triple), usr.join("include").join(triple));
        let own = output(&mut command(&gcc.to_string_lossy(), &["-print-file-name=include"])).ok_or("gcc doesn't say where its headers are")?;
        let mut c =
            command(&gcc.to_string_lossy(), &["-O2", "-w", "-static", "-nostdlib", "-nostdinc", "-fno-stack-protector", "-ffp-contract=off", "-isystem"]);
        c.arg(include).arg("-isystem").arg(own.trim());
        c.arg("-o").arg(to).args([lib.join("crt1.o"), lib.join("crti.o")]).arg(source);
        c.arg("-Wl,--start-group").args([lib.join("libc.a"), lib.join("libm.a")]).args(["-lgcc", "-Wl,--end-group"]).arg(lib.join("crtn.o"));
        run(&mut c)
    }
}
