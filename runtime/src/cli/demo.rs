//! `forklift demo`: an embedded i386 program carried, and asked for what it serves.
//!
//! The guest is the web server of `tests/guest/tiny/web.s`, which forks for each connection. It is served by this same binary in a process of its own
//! (`forklift run --stats`), so that what is shown is what anybody gets.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The server: i386 code, headers and page.
const SERVER: &[u8] = include_bytes!("../../../tests/guest/tiny/web.bin");
/// Connections that are open at the same time.
const CONNECTIONS: usize = 16;
/// Pages asked for on each of them.
const PAGES_EACH: usize = 4;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Options of `forklift demo`.
#[derive(clap::Args, Debug)]
pub(super) struct DemoArgs {
    /// Never compile: interpret.
    #[arg(long)]
    interp: bool,
}

/// Runs the demonstration; returns the exit status.
pub(super) fn demo(args: &DemoArgs) -> i32 {
    match show(args) {
        Ok(()) => 0,
        Err(e) => {
            eprintln!("forklift: demo: {e}");
            1
        }
    }
}

fn show(args: &DemoArgs) -> io::Result<()> {
    let dir = std::env::temp_dir().join(format!("forklift-demo-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let result = serve(args, &dir);
    let _ = fs::remove_dir_all(&dir);
    result
}

fn serve(args: &DemoArgs, dir: &Path) -> io::Result<()> {
    let program = dir.join("web");
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&program)?.write_all(SERVER)?;
    let port = free_port()?;
    println!("guest      {} bytes of i386 Linux: a web server that forks for each connection", SERVER.len());
    println!("host       {}, 127.0.0.1:{port}", std::env::consts::ARCH);
    let stats = dir.join("stats");
    let start = Instant::now();
    let mut server = Server(start_server(args, &program, port, &stats)?);
    let mut open = Vec::new();
    let mut page = String::new();
    for _ in 0..CONNECTIONS {
        let mut stream = connect(port, &mut server.0)?;
        for _ in 0..PAGES_EACH {
            page = get(&mut stream)?;
        }
        open.push(stream);
    }
    println!(
        "served     {} pages on {CONNECTIONS} connections in {:.1} ms, the server's start included",
        CONNECTIONS * PAGES_EACH,
        start.elapsed().as_secs_f64() * 1e3
    );
    println!("page       {page}");
    show_memory(server.0.id());
    drop(open);
    let status = server.wait()?;
    show_stats(&fs::read_to_string(&stats).unwrap_or_default());
    if status == Some(0) { Ok(()) } else { Err(io::Error::other("the server failed")) }
}

/// The server's process; killed if the demonstration fails.
struct Server(Child);

impl Server {
    /// The exit status, when it has ended by itself.
    fn wait(&mut self) -> io::Result<Option<i32>> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the server didn't end"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn start_server(args: &DemoArgs, program: &Path, port: u16, stats: &PathBuf) -> io::Result<Child> {
    let mut c = Command::new(std::env::current_exe()?);
    c.args(["run", "--stats"]);
    if args.interp {
        c.arg("--interp");
    }
    c.arg("--").arg(program).args([port.to_string(), CONNECTIONS.to_string()]);
    c.stderr(fs::OpenOptions::new().append(true).create(true).open(stats)?).spawn()
}

/// Connects, as soon as the server listens.
fn connect(port: u16, server: &mut Child) -> io::Result<TcpStream> {
    let end = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(s) => {
                s.set_read_timeout(Some(PATIENCE))?;
                s.set_nodelay(true)?;
                return Ok(s);
            }
            Err(e) if Instant::now() > end => return Err(e),
            Err(_) if server.try_wait()?.is_some() => return Err(io::Error::other("the server ended before it listened")),
            Err(_) => std::thread::sleep(Duration::from_micros(200)),
        }
    }
}

/// Asks for the page, and returns its body.
fn get(stream: &mut TcpStream) -> io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut buf = [0; 1024];
    loop {
        let n = stream.read(&mut buf)?;
        answer.extend(&buf[..n]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Some(length) = head.split("Content-Length: ").nth(1).and_then(|l| l.split("\r\n").next()?.parse::<usize>().ok())
            && body.len() >= length
        {
            return if head.starts_with("HTTP/1.1 200 ") { Ok(body.to_owned()) } else { Err(io::Error::other(head.to_owned())) };
        }
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Shows what the server's children need, idle with their connections open.
fn show_memory(server: u32) {
    let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap_or_default();
    let pss: Vec<u64> = children.split_whitespace().filter_map(pss_kib).collect();
    let server = pss_kib(&server.to_string()).unwrap_or(0);
    match pss.len() as u64 {
        0 => println!("memory     {server} KiB for the server (PSS); its children's is not known here"),
        n => println!("memory     {} KiB for each of {n} children that hold a connection (PSS), {server} KiB for the server", pss.iter().sum::<u64>() / n),
    }
}

/// A process's proportional share of memory.
fn pss_kib(pid: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    text.lines().find_map(|l| l.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()
}

/// Shows the sums of all processes' statistics.
fn show_stats(text: &str) {
    let numbers = |before: &str, after: &str| -> Vec<u64> {
        let found = text.lines().filter_map(|l| l.strip_prefix(before)?.split(after).next()?.rsplit(' ').next()?.parse().ok());
        found.collect()
    };
    let instructions: u64 = numbers("interpreter: ", " instructions").iter().sum();
    let decoded = numbers("interpreter: ", " blocks kept").into_iter().max().unwrap_or(0);
    let translated = numbers("jit: ", " blocks").into_iter().max().unwrap_or(0);
    let calls: u64 = numbers("forklift: ", " system calls").iter().sum();
    let processes = numbers("interpreter: ", " instructions").len();
    println!("executed   {instructions} instructions by interpretation and {calls} system calls, in {processes} processes");
    println!("blocks     {decoded} decoded, {translated} translated: one is translated when it has run often enough");
}
