#!/usr/bin/python3
# needs: python3
# work: 4000 300
import json, os, re, sqlite3, struct, subprocess, sys, threading, zlib, hashlib, math, decimal, random, datetime, itertools, collections, queue, signal, tempfile
n = int(os.environ["N"])
words = open("words.txt").read().split()
print(len(words), collections.Counter(words).most_common(5))
print(json.dumps(json.loads('{"a": [1, 2.5, null, true], "b": {"c": "\\u00e9"}}'), sort_keys=True))
print(re.findall(r"\b(a\w*)e\b", " ".join(words))[:8], re.sub(r"(\w)(\w)", r"\2\1", words[0]))
data = " ".join(words).encode() * 3
packed = zlib.compress(data, 9)
print(len(packed), zlib.crc32(data), zlib.adler32(data), zlib.decompress(packed) == data)
print(hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest(), hashlib.blake2b(data).hexdigest()[:16])
db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)")
db.executemany("insert into t values(?, ?)", ((w, len(w)) for w in words[:n]))
print(db.execute("select b, count(*), min(a) from t group by b order by b").fetchall())
lock, total = threading.Lock(), [0]
def work(k):
    for i in range(n // 4):
        with lock:
            total[0] += i * k
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(total)
q = queue.Queue()
threading.Thread(target=lambda: [q.put(i) for i in range(5)]).start()
print([q.get(timeout=10) for _ in range(5)])
p = subprocess.run(["sh", "-c", "cat; echo err >&2; exit 3"], input=b"to a child", capture_output=True)
print(p.returncode, p.stdout, p.stderr)
print(subprocess.check_output([sys.executable, "-c", "import sys; print(sys.argv[1:])", "x", "y z"], text=True), end="")
random.seed(42); print(random.random(), random.randint(0, 10**9), random.sample(range(100), 5))
print(math.pi, math.sin(1), math.exp(-3.5), math.gamma(5.5), math.fsum([0.1] * 10), math.hypot(3, 4), 7 // -2, -7 % 3)
print(decimal.Decimal(2).sqrt(decimal.Context(prec=50)), 3**300 % 10**20, pow(3, 10**5, 10**9 + 7), (10**30) // 7)
print(struct.pack("<dfqh", 1.5, 2.5, -1, 7).hex(), float("1e-310"), 1e308 * 10, float("nan"))
print(datetime.datetime.fromtimestamp(1e9, datetime.timezone.utc).isoformat())
print(sum(1 for p in itertools.permutations(range(6)) if p[0] < p[-1]))
signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause()
r, w = os.pipe(); pid = os.fork()
if pid == 0:
    os.write(w, b"from the child"); os._exit(7)
print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
def gen():
    x = yield 1
    yield x * 2
g = gen(); print(next(g), g.send(21))
try:
    [][1]
except IndexError as e:
    print("caught", e)
sys.exit(11)
