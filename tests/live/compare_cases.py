# SPDX-License-Identifier: Apache-2.0
"""`pcap-replay compare` at servers that differ in exactly one thing each; prints TAP.

A row is a server, what its answers are to be called, and what of that is a reason to fail. Each is compared with a
server that is right, and with what that one's answers were recorded as; where the row says so, it is the first of two. The servers are sockets of this program, one a row, on ports that the kernel gives."""
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from pcap_make import *

O = os.environ.get("O", "build/gcc")
REPLAY = os.environ.get("PCAP_REPLAY", O + "/bin/pcap-replay")
TMP = tempfile.mkdtemp(prefix="nodens-compare.")
N = 4  # questions
A, NS, CNAME, AAAA, TXT, OPT = 1, 2, 5, 28, 16, 41


class Message:
    """A right answer, in parts that a row may change."""
    def __init__(self, query):
        self.id, self.flags, self.rcode = query[:2], 0x8180, 0
        end = query.index(b"\0", 12) + 1
        self.spelt = query[12:end]
        self.question = query[12:end + 4]
        self.number = int(query[13 + 1:13 + query[12]])
        host = name("web%d.example" % self.number)
        self.answer = [(name("A%d.Example" % self.number), CNAME, 30, host), (host, A, 30, bytes([10, 0, 0, 1])), (host, A, 60, bytes([10, 0, 0, 2]))]
        self.authority = [(name("example"), NS, 300, name("ns.example"))]
        self.more = []
        self.size, self.do, self.edns, self.options = 1232, 0, True, b""
        self.n_questions, self.damage = 1, lambda b: b

    def octets(self):
        def rr(owner, rtype, ttl, data):
            return owner + struct.pack("!2HIH", rtype, 1, ttl, len(data)) + data
        more = [rr(*r) for r in self.more]
        if self.edns:
            more.append(b"\0" + struct.pack("!2HBBHH", OPT, self.size, self.rcode >> 4, 0, self.do, len(self.options)) + self.options)
        head = self.id + struct.pack("!5H", self.flags | self.rcode & 15, self.n_questions, len(self.answer), len(self.authority), len(more))
        return self.damage(head + (self.question if self.n_questions else b"") +
                           b"".join(rr(*r) for r in self.answer + self.authority) + b"".join(more))


rows = []


def row(criterion, kind, fails=None, first=False, timeout="20s", **counts):
    """A server, by what it does to a right answer. `kind`: same, expected, benign, defect, unstable; `first`: it is A, not B."""
    def add(f):
        rows.append((f.__doc__, criterion, kind, first, timeout, counts, f))
        return f
    return add


def flag(bit):
    def change(m):
        m.flags ^= bit
    return change


def rcode(code):
    def change(m):
        m.rcode, m.answer = code, []
    return change


def put(words, criterion, kind, change, **kw):
    rows.append((words, criterion, kind, kw.pop("first", False), kw.pop("timeout", "20s"), kw, lambda m, s, who: (change(m), s.sendto(m.octets(), who))))


def reversed_answer(m):
    m.answer.reverse()


def pressed(m):
    m.answer = [(b"\xc0\x0c" if o.lower() == m.spelt.lower() else o, t, ttl, d) for o, t, ttl, d in m.answer]


def each(field, change):
    def f(m):
        setattr(m, field, [change(i, *r) for i, r in enumerate(getattr(m, field))])
    return f


def set_(**values):
    def f(m):
        for k, v in values.items():
            setattr(m, k, v)
    return f


def ttls(*plus):
    return each("answer", lambda i, o, t, ttl, d: (o, t, ttl + plus[i], d))


put("the same", None, "same", lambda m: None)
put("records in another order", None, "same", reversed_answer)
put("names compressed", None, "same", pressed)
put("names of records spelt otherwise", None, "same", each("answer", lambda i, o, t, ttl, d: (o.upper().replace(b"\3WEB", b"\3wEb"), t, ttl, d)))
put("a cookie, and a client subnet", None, "same", set_(options=struct.pack("!2H", 10, 16) + bytes(16) + struct.pack("!2HHBB", 8, 4, 1, 0, 0)))
put("an address besides", None, "same", set_(more=[(name("ns.example"), A, 30, bytes(4))]))
put("the question in lower case", "spelling", "expected", lambda m: setattr(m, "question", m.question.lower()))
put("one TTL counted down", "ttl-less", "expected", ttls(0, -29, 0))
put("the authority's TTL counted down", "ttl-less", "expected", each("authority", lambda i, o, t, ttl, d: (o, t, ttl - 1, d)))
put("another EDNS size", "edns-size", "expected", set_(size=4096))
put("without RD", "copied", "benign", flag(0x0100))
put("with CD", "copied", "benign", flag(0x0010))
put("authoritative", "aa", "benign", flag(0x0400))
put("without recursion", "ra", "benign", flag(0x0080))
put("authenticated", "ad", "benign", flag(0x0020))
put("without EDNS", "edns", "benign", set_(edns=False))
put("with DO", "edns", "benign", set_(do=0x8000))
put("without authority", "authority", "benign", set_(authority=[]))
put("another authority", "authority", "benign", set_(authority=[(name("example"), NS, 300, name("ns2.example"))]))
put("one TTL more", "ttl-more", "benign", ttls(0, 0, 1))
put("one TTL more, others less", "ttl-more", "benign", ttls(-30, -30, 1))
put("the authority's TTL more", "ttl-more", "benign", each("authority", lambda i, o, t, ttl, d: (o, t, ttl + 1, d)))
put("truncated, and empty", "tc", "defect", lambda m: (flag(0x0200)(m), set_(answer=[], authority=[])(m)))
put("truncated, with all records", "tc", "defect", flag(0x0200))
put("another address", "answer", "defect", each("answer", lambda i, o, t, ttl, d: (o, t, ttl, d[:-1] + b"\3" if i == 2 else d)))
put("a record less", "answer", "defect", lambda m: m.answer.pop())
put("a record more", "answer", "defect", lambda m: m.answer.append(m.answer[2][:3] + (bytes([10, 0, 0, 9]),)))
put("a record twice", "answer", "defect", lambda m: m.answer.append(m.answer[2]))
put("an alias for another name", "answer", "defect", each("answer", lambda i, o, t, ttl, d: (o, t, ttl, name("elsewhere.example") if t == CNAME else d)))
put("another type of the same octets", "answer", "defect", each("answer", lambda i, o, t, ttl, d: (o, 99 if i == 2 else t, ttl, d)))
put("no records", "nodata", "defect", set_(answer=[]))
put("denied", "rcode", "defect", rcode(3))
put("SERVFAIL", "rcode", "defect", rcode(2))
put("REFUSED, with the records", "rcode", "defect", set_(rcode=5))
put("an rcode that EDNS carries", "rcode", "defect", rcode(16))
put("without its question", "question", "defect", set_(n_questions=0))
put("another opcode", "question", "defect", flag(0x2000))
put("cut in a record", "unreadable", "defect", set_(damage=lambda b: b[:-30]))
put("a pointer at itself", "unreadable", "defect", lambda m: m.answer.insert(0, (b"", 0xc000 | 12 + len(m.question), 0, b"")))
put("the right answer twice", None, "same", lambda m: None, unexpected=None)  # the last may come when nobody listens any more
rows[-1] = rows[-1][:6] + (lambda m, s, who: (s.sendto(m.octets(), who), s.sendto(m.octets(), who)),)


@row(None, "same", unexpected=2 * N)
def _(m, s, who):
    """something else's answer, and rubbish, before the right one"""
    other = m.octets()
    s.sendto(bytes([other[0] ^ 1]) + other[1:], who)
    s.sendto(b"\0\1rubbish", who)
    s.sendto(other, who)


@row("silent-b", "defect", timeout="400ms", lost=N)
def _(m, s, who):
    """no answer"""


@row("silent-a", "benign", first=True, timeout="400ms", lost=N)
def _(m, s, who):
    """no answer from the first"""


@row("silent-b", "defect", timeout="400ms", lost=N)
def _(m, s, who):
    """answers later than they may be"""
    t = threading.Timer(1.2, s.sendto, (m.octets(), who))
    t.daemon = True
    t.start()


@row("silent-b", "defect", timeout="400ms", lost=N)
def _(m, s, who):
    """answers from another address"""
    elsewhere.sendto(m.octets(), who)


@row("silent-b", "defect", timeout="400ms", lost=N, unexpected=N)
def _(m, s, who):
    """answers to another name"""
    m.question = name("b.example") + m.question[-4:]
    s.sendto(m.octets(), who)


@row("silent-b", "defect", timeout="400ms", lost=N, unexpected=N)
def _(m, s, who):
    """answers to another type"""
    m.question = m.question[:-4] + struct.pack("!2H", AAAA, 1)
    s.sendto(m.octets(), who)


@row("silent-b", "defect", timeout="400ms", lost=N, unexpected=N)
def _(m, s, who):
    """the question thrown back"""
    m.flags &= 0x7fff
    s.sendto(m.octets(), who)


seen = {}


@row(None, "unstable")
def _(m, s, who):
    """wrong the first time, right after it"""
    k = (s.getsockname(), m.spelt.lower())
    seen[k] = seen.get(k, 0) + 1
    if seen[k] % 2:
        rcode(2)(m)
    s.sendto(m.octets(), who)


elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
elsewhere.bind(("127.0.0.2", 0))
selector = selectors.DefaultSelector()


def listen(answer):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    selector.register(s, selectors.EVENT_READ, answer)
    return s.getsockname()[1]


def serve():
    while True:
        for key, _ in selector.select():
            query, who = key.fileobj.recvfrom(4096)
            key.data(Message(query), key.fileobj, who)


def right(m, s, who):
    s.sendto(m.octets(), who)


def asked(i):
    """With capitals, EDNS, a cookie."""
    return struct.pack("!6H", 0x1000 + i, 0x0100, 1, 0, 0, 1) + name("a%d.eXaMple" % i) + struct.pack("!2H", A, 1) + \
        b"\0" + struct.pack("!2HIH", OPT, 1232, 0, 12) + struct.pack("!2H", 10, 8) + b"cookie00"


def compare(*args):
    r = subprocess.run([REPLAY, "compare", "--quiet", "--json", "--rate", "1000", "--late", "60s", *args, CAPTURE], capture_output=True, timeout=120)
    try:
        return r.returncode, json.loads(r.stdout)
    except ValueError:
        return r.returncode, {"error": r.stderr.decode()}


def told(v, side, counts):
    """What is said of the pairs, and of the server that differs."""
    c = v["compared"]
    return {**{k: c[k] for k in ("pairs", "same", "expected", "benign", "defect", "unstable") if c[k]},
            **{k: n for k, n in c["criteria"].items() if k != "same"},
            **{k: v["targets"][side][k] for k in ("lost", "unexpected") if v["targets"][side][k] and counts.get(k, 0) is not None}}


# --fail-on CLASS: which classes are a reason
REASONS = {"defect": ("defect",), "benign": ("benign", "defect"), "unstable": ("unstable", "defect"), "none": ()}
CAPTURE = TMP + "/asked.pcap"
p = Pcap(CAPTURE)
for i in range(N):
    q = asked(i)
    p.put(i * 10**6, eth(dns("10.244.1.2", 40000 + i, "10.96.0.10", 53, q, i + 1)))
    p.put(i * 10**6 + 10**5, eth(dns("10.96.0.10", 53, "10.244.1.2", 40000 + i, Message(q).octets(), 9)))
p.close()
base = listen(right)
ports = [listen(r[6]) for r in rows]
threading.Thread(target=serve, daemon=True).start()

n_done = n_bad = 0


def ok(good, what, *why):
    global n_done, n_bad
    n_done += 1
    n_bad += not good
    print("%s %d - %s" % ("ok" if good else "not ok", n_done, what))
    for w in why if not good else ():
        print("# %s" % (w,))
    sys.stdout.flush()


for (words, criterion, kind, first, timeout, counts, _), port in zip(rows, ports):
    want = {"pairs": N, kind: N, **({criterion: N} if criterion else {}), **counts}
    if kind == "unstable":
        want["same"] = 0
    sides = ["--to", "127.0.0.1:%d" % (port if first else base), "--and", "127.0.0.1:%d" % (base if first else port), "--timeout", timeout]
    for fail_on, reasons in REASONS.items():
        if timeout == "400ms" and fail_on in ("unstable", "none"):
            continue  # it takes its time
        status, v = compare(*sides, "--fail-on", fail_on)
        got = told(v, 0 if first else 1, counts) if "compared" in v else v
        if fail_on == "defect":
            first_got = got
        ok(got == {k: n for k, n in want.items() if n} and status == (kind in reasons), "%s: %s, --fail-on %s" % (words, criterion or kind, fail_on),
           "got  %s, exit %d" % (got, status), "want %s, exit %d" % (want, kind in reasons))
    if not first:
        status, v = compare("--to", "127.0.0.1:%d" % port, "--timeout", timeout)
        got = told(v, 0, counts) if "compared" in v else v
        ok(got == first_got and status == (kind in REASONS["defect"]), "%s: the same beside what was recorded" % words, "got  %s, exit %d" % (got, status), "want %s" % first_got)

# what only one of them was asked, because the other had its hands full, is no pair
def slowly(m, s, who):
    t = threading.Timer(0.3, s.sendto, (m.octets(), who))
    t.daemon = True
    t.start()


slow = listen(slowly)
for first in (False, True):
    a, b = (slow, base) if first else (base, slow)
    status, v = compare("--to", "127.0.0.1:%d" % a, "--and", "127.0.0.1:%d" % b, "--max-outstanding", "1", "--missed", "100", "--fail-on", "benign")
    missed = sum(t["missed"] for t in v["targets"])
    got = {k: v["compared"][k] for k in ("pairs", "same", "defect", "unstable", "benign")}
    ok(status == 0 and missed > 0 and 1 <= got["pairs"] <= N - v["targets"][0 if first else 1]["missed"] and got["same"] == got["pairs"],
       "questions that one target was not asked are not compared (%s is full)" % "BA"[first], got, "not sent: %d" % missed)

subprocess.run(["rm", "-rf", TMP])
print("1..%d" % n_done)
sys.exit(n_bad > 0)
