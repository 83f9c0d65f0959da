//! Command lines for the root: of busybox, coreutils, bash, python3, sqlite3, gcc and openssl. What they print must not depend on time, process numbers or user.
//!
//! They start in a directory that has `words.txt`, and the scripts and C programs of `tests/guest`.

/// Programs of the root, and what they print on any host.
pub const KNOWN: &[(&[&str], &str)] = &[
    (&["bash", "-c", "echo $((6 * 7)) \"${BASH_VERSION%%.*}\""], "42 5\n"),
    (&["sh", "-c", "printf abc | sha256sum"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n"),
    (&["sh", "-c", "seq 5 | sort -r | tr '\\n' ' '; which sort"], "5 4 3 2 1 /usr/bin/sort\n"),
    (&["awk", "BEGIN { print 1 / 4, length(\"forklift\") }"], "0.25 8\n"),
    (&["python3", "-c", "print(sum(i * i for i in range(1000)), 2 ** 100)"], "332833500 1267650600228229401496703205376\n"),
    (&["python3", "-c", "import os, sys; print(os.path.exists('/usr/share/doc/mawk'), sys.version_info[0])"], "True 3\n"),
];

/// Those that execute no other program. They may fork.
pub const ALONE: &[&[&str]] = &[
    &["busybox", "sort", "-k2", "-u", "words.txt"],
    &["busybox", "sha512sum", "words.txt", "c/litmus.c"],
    &["busybox", "bzip2", "-c", "words.txt"],
    &["busybox", "diff", "-u", "c/hot.c", "c/floats.c"],
    &["busybox", "awk", "{ n[length($1)]++ } END { for (i = 1; i < 30; i++) if (n[i]) printf \"%d %d %.9f\\n\", i, n[i], n[i] / NR }", "words.txt"],
    &[
        "busybox",
        "ash",
        "-c",
        "i=0; while [ $i -lt 500 ]; do i=$((i + 1)); t=$((t + i * i % 7)); done; echo $t; (exit 4); echo $? $(echo sub | while read x; do echo ${x#s}; done)",
    ],
    &["sort", "--parallel=2", "-k3,3", "-k1r", "words.txt"],
    &["sha256sum", "words.txt", "c/loops.c"],
    &["factor", "123456789012345678901234567", "18446744073709551557"],
    &["od", "-A", "x", "-t", "f8", "-t", "x2z", "words.txt"],
    &["wc", "-lwmc", "words.txt", "missing", "c/threads.c"],
    &["ls", "-RN", "c", "scripts"],
    &["printf", "%.10g %a %e %20s|%-5d|\\n", "3.14159265358979", "1.5", "12345.678", "right", "42"],
    &["bash", "-c", "fib() { (($1 < 2)) && echo $1 || echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); }; fib 6; exit 5"],
    &[
        "bash",
        "-c",
        "declare -A n; while read -r a b; do n[${#a}]+=x; done < words.txt; for k in {1..12}; do printf '%d %d\\n' $k ${#n[$k]}; done; [[ forklift =~ (k.*)f ]] && echo ${BASH_REMATCH[1]^^}",
    ],
    &[
        "bash",
        "-c",
        "trap 'echo usr1' USR1; kill -USR1 $$; (trap 'echo child; exit 5' INT; kill -INT $BASHPID); echo $?; coproc { read -r l; echo \"<$l>\"; }; echo hi >&${COPROC[1]}; read -r a <&${COPROC[0]}; echo $a; wait",
    ],
    &[
        "python3",
        "-c",
        "import math, decimal; print(3 ** 500 % 10 ** 40, [math.sin(i) for i in range(20)], decimal.Decimal(2).sqrt(decimal.Context(prec=60)), float('1e-310'))",
    ],
    &[
        "python3",
        "-c",
        "import json, re, zlib, hashlib; s = open('words.txt').read(); z = zlib.compress(s.encode(), 9); print(len(z), zlib.crc32(z), hashlib.sha3_256(z).hexdigest(), re.findall(r'\\b(s\\w*)e\\b', s)[:9], json.dumps(s.split('\\n')[:20]))",
    ],
    &[
        "python3",
        "-c",
        "import os, sqlite3, threading\nd = sqlite3.connect('py.db')\nd.execute('pragma synchronous = off')\nd.execute('create table t(a, b)')\nd.executemany('insert into t values(?, ?)', ((w, len(w)) for w in open('words.txt').read().split()))\nd.commit()\nprint(d.execute('select b, count(*), min(a) from t group by b').fetchall())\nr = []\nts = [threading.Thread(target=lambda: r.append(sum(range(9000)))) for _ in range(3)]\n[t.start() for t in ts]; [t.join() for t in ts]; print(r)\nif os.fork() == 0: os._exit(7)\nprint(os.waitstatus_to_exitcode(os.wait()[1])); raise SystemExit(11)",
    ],
    &[
        "sqlite3",
        "s.db",
        "pragma synchronous = off; create table t(i integer primary key, k text, v real); with recursive n(i) as (select 1 union all select i + 1 from n where i < 800) insert into t select i, 'k' || (i * 7919 % 1009), i * 31 % 1000 / 7.0 from n; create index tk on t(k); select k, count(*), sum(v) from t group by k order by 3 desc limit 9; pragma integrity_check;",
    ],
    &["sqlite3", "-json", ":memory:", "select json_group_array(value) as a, avg(value) as m, printf('%.15g', exp(1)) as e from generate_series(1, 50)"],
    &[
        "sqlite3",
        ":memory:",
        ".mode box",
        "create virtual table f using fts5(x); insert into f values('a fork'), ('a lift'), ('a forklift truck');",
        "select rowid, highlight(f, 0, '[', ']') from f where f match 'fork*'",
    ],
    &["sqlite3", ":memory:", "select 1; select nonsense"],
    &["openssl", "dgst", "-sha3-512", "words.txt", "c/litmus.c"],
    &["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-iter", "2000", "-S", "0011223344556677", "-pass", "pass:forklift", "-base64", "-in", "words.txt"],
    &[
        "openssl",
        "enc",
        "-chacha20",
        "-K",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "-iv",
        "00000000000000000000000000000000",
        "-base64",
        "-in",
        "words.txt",
    ],
    &["openssl", "prime", "-hex", "1FFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFC5", "FFFFFFFFFFFFFFC7"],
    &["openssl", "kdf", "-keylen", "32", "-kdfopt", "pass:forklift", "-kdfopt", "salt:salt", "-kdfopt", "n:1024", "-kdfopt", "r:8", "-kdfopt", "p:2", "SCRYPT"],
];

/// Those that execute others, or are executed.
pub const EXECUTING: &[&[&str]] = &[
    &[
        "busybox",
        "ash",
        "-c",
        "busybox tar -c -f - c | busybox tar -t -f - | busybox sort | busybox xargs busybox sha256sum | busybox cut -c 1-16 | busybox paste -s -d ,",
    ],
    &["busybox", "env", "-i", "A=1", "busybox", "sh", "-c", "echo $A $0; exec busybox false"],
    &["env", "-i", "B=2", "/usr/bin/env"],
    &[
        "timeout",
        "60",
        "sh",
        "-c",
        "yes abc | head -n 3000 | md5sum; nice -n 1 printf '%s\\n' nice; tee copy < words.txt | cksum; exec busybox cmp words.txt copy",
    ],
    &["split", "-l", "400", "--filter=sha256sum", "words.txt"],
    &["bash", "scripts/bash-features.sh"],
    &[
        "bash",
        "-c",
        "cat words.txt | tr a-z A-Z | sort | uniq -c | sort -k2 | tail -n 20 | md5sum; echo ${PIPESTATUS[@]}; for i in 1 2 3; do (seq $i | paste -s > part.$i) & done; wait; cat part.*; ulimit -c 0; bash -c 'kill -SEGV $$'; echo $?; exec -a name bash -c 'echo $0; no-such-program; exit 9'",
    ],
    &["sh", "-c", "printf '#!/usr/bin/env bash\\necho \"${0##*/} $# $1\"; exit 6\\n' > script; chmod +x script; ./script 'a b' c"],
    &["python3", "scripts/python-features.py"],
    &[
        "python3",
        "-c",
        "import subprocess as s; print(s.run('echo $0; exit 3', shell=True), s.check_output(['sort', '-r'], input=b'a\\nb\\n'), s.run(['python3', '-c', 'import sys; print(sys.argv)', 'x'], stdout=s.PIPE).stdout)",
    ],
    &["bash", "scripts/sqlite.sh"],
    &["sqlite3", ":memory:", ".system echo from the shell", "select 6 * 7"],
    &["bash", "-c", "gcc -pipe -o hello c/libc.c -lm && ./hello x"],
    &["bash", "-c", "gcc -w -o process c/process.c && ./process; echo $?"],
    &["bash", "-c", "gcc -g -pthread -c c/threads.c && sha256sum threads.o && gcc -static -pthread threads.o && ./a.out"],
    &["gcc", "-S", "-O2", "-o", "-", "c/setjmp.c"],
    &["bash", "-c", "echo 'int main(void) { return undeclared; }' > bad.c; gcc -c bad.c 2>&1; echo $?; gcc -x c - -o none 2>&1 <<< 'int f(void);'; echo $?"],
    &[
        "bash",
        "-c",
        "printf '\\x30\\x2e\\x02\\x01\\x00\\x30\\x05\\x06\\x03\\x2b\\x65\\x70\\x04\\x22\\x04\\x20%032d' 7 > key; openssl pkeyutl -sign -rawin -inkey key -in words.txt -out sig; od -An -tx1 sig; openssl pkey -in key -pubout -out pub; openssl pkeyutl -verify -rawin -pubin -inkey pub -sigfile sig -in words.txt; openssl asn1parse -in pub",
    ],
    &[
        "bash",
        "-c",
        "openssl enc -aes-128-ctr -K 00 -iv 00 -in words.txt 2> err | openssl enc -d -aes-128-ctr -K 00 -iv 00 2>> err | busybox cmp - words.txt; echo ${PIPESTATUS[@]}",
    ],
];
