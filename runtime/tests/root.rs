//! `--root`: the program of `tests/root` in a small root of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

fn run(abi: u32) {
    let root = std::env::temp_dir().join(format!("forklift-root-{}-{abi}", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/root/paths.c");
    for dir in ["bin", "data"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    fs::write(root.join("data/real"), "inside").unwrap();
    for (target, name) in [("/data/real", "absolute"), ("/data", "through"), ("/through", "twice"), ("../../../../../../data/real", "above"), ("/loop", "loop")]
    {
        symlink(target, root.join(name)).unwrap();
    }
    symlink("/bin/program", root.join("start")).unwrap();
    let built = Command::new("gcc").arg(format!("-m{abi}")).args(["-O1", "-w", "-static", "-o"]).arg(root.join("bin/program")).arg(&source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let out = Command::new(env!("CARGO_BIN_EXE_forklift")).args(["run", "--no-cache", "--root"]).arg(&root).arg("/start").output().unwrap();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!((String::from_utf8_lossy(&out.stdout).as_ref(), out.status.code()), ("ok paths\n", Some(0)), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn root_of_64() {
    run(64);
}

#[test]
fn root_of_32() {
    run(32);
}
