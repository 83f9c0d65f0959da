//! `forklift binfmt` with the real kernel: an i386 program that is started without naming forklift says on which CPU it is, and as what.
//!
//! binfmt_misc is that of a user namespace, which Linux has from 6.7 on: the system's own is left alone. What can't have one ignores these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libtest_mimic::{Arguments, Failed, Trial};

/// Says how it was started; then executes itself by the path that it may be given.
const SHOW: &str = r#"
#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/auxv.h>
int main(int argc, char **argv) {
    unsigned r[4];
    char exe[4096] = "";
    __get_cpuid(0x80000002, r, r + 1, r + 2, r + 3);
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *name = strrchr(exe, '/');
    printf("%s %s by %s, %lu %lu:", memcmp(r, "forklift", 8) ? "native" : "forklift", name ? name : "?", (char *)getauxval(AT_EXECFN), getauxval(AT_FLAGS), getauxval(AT_EXECFD));
    for (int i = 0; i < argc; i++) printf(" %s", argv[i]);
    puts("");
    fflush(stdout);
    if (argc > 2 && !strcmp(argv[1], "then")) execl(argv[2], "again", (char *)0), perror(argv[2]);
    if (argc > 1 && !strcmp(argv[1], "wait")) getchar();
    return 7;
}
"#;

/// Starts the program at a path with these arguments, the first of them its name.
const START: &str = "#include <stdio.h>\n#include <unistd.h>\nint main(int argc, char **argv) { execv(argv[1], argv + 2); perror(argv[1]); return 1; }\n";

/// In a directory that has the programs, and stands for the system.
const PRELUDE: &str = "set -e
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
mkdir -p proc empty; mount --rbind /proc proc
";

/// Name, commands after `binfmt install`, and what they print.
const CASES: &[(&str, &str, &str)] = &[
    ("a_path", "./show a b || echo $?", "forklift /show by ./show, 0 0: ./show a b\n7\n"),
    ("a_name", "PATH=$PWD show || echo $?", "forklift /show by $PWD/show, 0 0: show\n7\n"),
    ("argv0_is_kept", "./start ./show -odd '' 'a b' || :", "forklift /show by ./show, 0 0: -odd  a b\n"),
    ("a_path_without_a_slash", "cp show run; ./start run version x || :", "forklift /run by run, 0 0: version x\n"),
    ("the_path_of_a_command", "cp show exec-guest; ./start exec-guest x || :", "forklift /exec-guest by exec-guest, 0 0: x\n"),
    ("a_script", "printf '#!'$PWD'/show -o p\n' > script; chmod +x script; ./script a || :", "forklift /show by $PWD/show, 0 0: $PWD/show -o p ./script a\n"),
    (
        "a_script_of_a_script",
        "printf '#!show -o\n' > one; printf '#!one\n' > two; chmod +x one two; ./start two x a || :",
        "forklift /show by show, 0 0: show -o one two a\n",
    ),
    ("a_guest_starts_it", "./show then ./show || :", "forklift /show by ./show, 0 0: ./show then ./show\nforklift /show by ./show, 0 0: again\n"),
    ("the_process_is_forklift", "mkfifo f; ./show wait < f > /dev/null & exec 3> f; sleep 0.3; readlink /proc/$!/exe; echo >&3; wait $! || :", "$FORKLIFT\n"),
    (
        "a_chroot_without_proc",
        "cp show empty; chroot empty /show then /show || echo $?",
        "forklift /show by /show, 0 0: /show then /show\nforklift /show by /show, 0 0: again\n7\n",
    ),
    ("a_chroot_with_proc", "chroot . /show then /show || :", "forklift /show by /show, 0 0: /show then /show\nforklift /show by /show, 0 0: again\n"),
    (
        "status_and_removal",
        "b status; b remove; ./show || :; b status",
        "amd64: not registered\ni386: enabled, interpreter $FORKLIFT, flags PF\n./usr/lib/binfmt.d/forklift.conf: there\n2 changes made\n\
         native /show by ./show, 0 0: ./show\n\
         amd64: not registered\ni386: not registered\n./usr/lib/binfmt.d/forklift.conf: not there: nothing is registered when the system starts\n",
    ),
];

/// A directory of one test.
fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("binfmt-{}-{name}", std::process::id()))
}

fn in_namespace(script: &str, dir: &Path) -> std::io::Result<Output> {
    let mut c = Command::new("timeout");
    c.args(["60", "unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c"]).arg(script).current_dir(dir);
    c.env("XDG_CACHE_HOME", dir.join("cache")).env("LC_ALL", "C").output()
}

/// Why these tests can't run here, if they can't.
fn missing() -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the host is no x86-64 machine".to_owned());
    }
    let tried = in_namespace("mount -t binfmt_misc none /proc/sys/fs/binfmt_misc", Path::new(env!("CARGO_TARGET_TMPDIR")));
    match tried {
        Ok(out) if out.status.success() => None,
        Ok(out) => Some(format!("needs binfmt_misc in a user namespace: {}", String::from_utf8_lossy(&out.stderr).lines().next().unwrap_or_default())),
        Err(e) => Some(format!("needs unshare: {e}")),
    }
}

fn build(options: &[&str], text: &str, to: &Path) -> Result<(), Failed> {
    let source = to.with_extension("c");
    fs::write(&source, text)?;
    let built = Command::new("gcc").args(options).arg("-w").arg("-o").arg(to).arg(&source).output()?;
    if built.status.success() { Ok(()) } else { Err(format!("gcc: {}", String::from_utf8_lossy(&built.stderr)).into()) }
}

fn run(name: &str, commands: &str, want: &str) -> Result<(), Failed> {
    let dir = directory(name);
    let system = dir.join("system");
    fs::create_dir_all(&system)?;
    build(&["-m32", "-static"], SHOW, &system.join("show"))?;
    build(&["-static"], START, &system.join("start"))?;
    // Under a path of its own that the kernel takes.
    let forklift = dir.join("forklift");
    fs::hard_link(env!("CARGO_BIN_EXE_forklift"), &forklift)?;
    let f = forklift.display().to_string();
    let script = format!("{PRELUDE}b() {{ {f} binfmt $1 --sysroot .; }}; b install > /dev/null\n{commands}");
    let out = in_namespace(&script, &system)?;
    let want = want.replace("$PWD", &system.display().to_string()).replace("$FORKLIFT", &f);
    let got = String::from_utf8_lossy(&out.stdout).into_owned();
    let _ = fs::remove_dir_all(&dir);
    if got == want && out.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}\n{got}instead of\n{want}", out.status, String::from_utf8_lossy(&out.stderr)).into())
}

fn main() {
    let missing = missing();
    let trial = |&(name, commands, want): &(&'static str, &'static str, &'static str)| {
        let trial = Trial::test(name, move || run(name, commands, want));
        match &missing {
            Some(reason) => trial.with_kind(reason.clone()).with_ignored_flag(true),
            None => trial,
        }
    };
    libtest_mimic::run(&Arguments::from_args(), CASES.iter().map(trial).collect()).exit();
}
