# SPDX-License-Identifier: Apache-2.0
"""What is written: streams, hidden forms, captures, what documents show; and how a run ends."""
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import termios
import time

from pcap_case import *


@case("D22: a full standard output is an error")
def _():
    with open("/dev/full", "w") as full:
        r = subprocess.run([REPLAY, "summary", path("d2")], stdout=full, stderr=subprocess.PIPE)
    assert r.returncode == 1 and b"standard output" in r.stderr, r


@case("D23: two things for one standard output are refused")
def _():
    r = run(REPLAY, "extract", "--qs", "-", "--json", path("d2"))
    assert r.returncode == 3 and not r.stdout, r
    r = run(REPLAY, "--qs", "-", "--summary", path("d2"))
    assert r.returncode == 3 and not r.stdout, r


@case("what is read is not written: a capture or stream is not emptied, by whatever name, nor written into its own folder")
def _():
    os.makedirs(path("own"), exist_ok=True)
    p = Pcap(path("own/a.pcap"))
    pair(p, 0, 1, "a.example")
    capture = p.close()
    with open(path("own.qs"), "wb") as f:
        f.write(stream(capture)[0])
    os.link(path("own.qs"), path("own2.qs"))
    os.symlink(path("own/a.pcap"), path("own-a"))
    whole = open(capture, "rb").read(), open(path("own.qs"), "rb").read()
    for args in (("extract", "--pcap", capture, capture), ("extract", "--qs", path("own-a"), capture), ("extract", "--csv", capture, path("own-a")),
                 ("extract", "--qs", path("own/b.qs"), path("own")), ("convert", path("own.qs"), path("own.qs")), ("convert", path("own.qs"), path("own2.qs"))):
        r = run(REPLAY, *args)
        assert r.returncode == 3 and r.stderr, (args, r)
        assert (open(capture, "rb").read(), open(path("own.qs"), "rb").read()) == whole, args
        assert not os.path.exists(path("own/b.qs"))
    assert run(REPLAY, "extract", "--qs", "/dev/null", capture).returncode == 0


@case("D24: the stream says where it comes from and when its zero was")
def _():
    qs, _ = stream(path("d2"), args=["--point", "pod"])
    facts = [l for l in qs.decode().splitlines() if l.startswith("#!")]
    assert facts == ["#! point=pod", "#! source=capture", "#! zero=1767225600.000000000"], facts


@case("the wire column carries each message whole")
def _():
    _, got = stream(path("d5"), args=["--wire"])
    assert bytes.fromhex(got[0]["wire"]) == query(0, "a0.example"), got[0]


@case("convert: to dnsperf's text and back; hidden, but lookups and prefixes stay")
def _():
    p = Pcap(path("conv"))
    for i, name_ in enumerate(("www.x.com.default.svc.cluster.local", "www.x.com.cluster.local", "www.x.com")):
        pair(p, i * 10 * MS, i, name_, client="10.244.1.%d" % (2 + i % 2), rcode=0 if i == 2 else 3)
    with open(path("conv.qs"), "wb") as f:
        f.write(stream(p.close())[0])
    text = run(REPLAY, "convert", "--to", "dnsperf", path("conv.qs"), "-").stdout
    assert text.splitlines()[2] == b"www.x.com. A", text
    back = run(REPLAY, "convert", "--from", "dnsperf", "-", path("back.qs"), stdin=text)
    assert back.returncode == 0, back
    assert run(REPLAY, "convert", "--to", "dnsperf", path("back.qs"), "-").stdout == text
    with open(path("key"), "wb") as f:
        f.write(b"sixteen octets and more")
    out = [run(REPLAY, "convert", "--private", path("key"), path("conv.qs"), "-").stdout.decode() for _ in range(2)]
    assert out[0] == out[1] and "www" not in out[0] and "10.244" not in out[0] and "zero" not in out[0]
    told = open(path("conv.qs"), "rb").read().split(b"\n", 1)
    told = told[0] + b"\n#! point=node\n#! source=worker-7.corp.example\n# by Erika\n" + told[1]
    told = run(REPLAY, "convert", "--private", path("key"), "-", "-", stdin=told).stdout
    assert b"point=node" in told and b"worker" not in told and b"Erika" not in told, told[:300]
    rows_ = [l.split("\t") for l in out[0].splitlines() if not l.startswith("#")]
    names = [r[8] for r in rows_ if r[1] == "q"]
    assert names[1] == names[2] + "cluster.local." and names[0].endswith(".svc.cluster.local."), names
    assert [len(n) for n in names] == [36, 24, 10], names
    a, b = rows_[0][3], rows_[2][3]
    assert a != b and a.split(".")[:3] == b.split(".")[:3], (a, b)
    r = run(REPLAY, "convert", "--from", "dnsperf", "-", "-", stdin=b"a.example A\nb.example NONSENSE\n")
    assert r.returncode == 1 and b":2" in r.stderr, r
    assert run(REPLAY, "convert", "--private", "/dev/null", path("conv.qs"), "-").returncode == 1


def packets(f):
    """(time in ns, octets) of a nanosecond capture of raw IP."""
    data = open(f, "rb").read()
    assert struct.unpack("<I", data[:4])[0] == 0xa1b23c4d and struct.unpack("<I", data[20:24])[0] == 101
    at, ret = 24, []
    while at < len(data):
        s, ns, n, _ = struct.unpack("<4I", data[at:at + 16])
        ret.append((s * S + ns, data[at + 16:at + 16 + n]))
        at += 16 + n
    return ret


def adds_up(*parts):
    b = b"".join(parts)
    b += b"\0" * (len(b) % 2)
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s >> 16) + (s & 0xffff)
    return s == 0xffff


@case("written again as a capture: times, ports, octets, both families, TCP in segments; checksums right")
def _():
    p = Pcap(path("out"))
    pair(p, 5 * S + 7, 1, "a.example")
    pair(p, 6 * S, 2, "b.example", client="fd00::2", server="fd00::53")
    big = answer(3, "c.example", pad=4096)
    for dt, c, seq, data, fl in ((0, 1, 100, b"", 2), (1000, 1, 101, framed(query(3, "c.example")), 0x18), (9000, 0, 500, framed(big), 0x18), (9500, 1, 140, b"", 0x11)):
        x, y = ((POD, 40001), (VIP, 53)) if c else ((VIP, 53), (POD, 40001))
        p.put(7 * S + dt, eth(ip4(x[0], y[0], 6, tcp(x[1], y[1], seq, data, fl))))
    f = p.close()
    assert run(REPLAY, "extract", "--pcap", path("out2"), f).returncode == 0
    got = packets(path("out2"))
    assert got[0][0] % (100 * S) == 5 * S + 7 and got[0][1][28:] == query(1, "a.example"), got[0]
    for _, b in got:
        if b[0] >> 4 == 4:
            assert adds_up(b[:20]) and len(b) == struct.unpack("!H", b[2:4])[0]
            assert adds_up(b[12:20], struct.pack("!2H", b[9], len(b) - 20), b[20:])
        else:
            assert adds_up(b[8:40], struct.pack("!2H", b[6], len(b) - 40), b[40:])
    expect(metrics(path("out2")), queries__sent=3, answers__total=3, tcp__connections=1, tcp__holes=0)
    assert [r["qname"] for r in rows(path("out2"))] == [r["qname"] for r in rows(f)]
    text = run(REPLAY, "convert", "--from", "dnsperf", "--to", "pcap", "-", path("out3"), stdin=b"a.example A\nb.example AAAA\n")
    assert text.returncode == 0 and [b[12:16] for _, b in packets(path("out3"))] == [bytes([192, 0, 2, 1])] * 2
    assert run(REPLAY, "extract", "--pcap", "/dev/full", f).returncode == 1
    assert run(REPLAY, "extract", "--pcap", "-", "--qs", "-", f).returncode == 3


@case("hidden as a capture: no name and no address is left, in no record; what ends alike does so still")
def _():
    def rr(owner, rtype, data, ttl=30):
        return owner + struct.pack("!2HIH", rtype, 1, ttl, len(data)) + data

    www = struct.pack("!6H", 9, 0x8180, 1, 6, 0, 1) + name("www.secret.example") + struct.pack("!2H", 1, 1)
    ptr, below = b"\xc0\x0c", b"\xc0\x10"  # www.secret.example, secret.example
    subnet = struct.pack("!HHHBB", 8, 7, 1, 24, 0) + bytes([203, 0, 113])
    www += rr(ptr, 5, b"\4edge" + below) + rr(ptr, 1, bytes([203, 0, 113, 9])) + rr(ptr, 28, packed("2001:db8::77")) + \
        rr(below, 16, b"\6hidden") + rr(below, 65280, b"opaque") + rr(below, 33, struct.pack("!3H", 1, 2, 53) + name("host.secret.example")) + \
        b"\0" + struct.pack("!2HIH", 41, 1232, 0, len(subnet)) + subnet
    p = Pcap(path("hide"))
    p.put(0, eth(dns(POD, 40000, VIP, 53, query(9, "www.secret.example"), 1)))
    p.put(MS, eth(dns(VIP, 53, POD, 40000, www, 2)))
    p.close()
    with open(path("key"), "wb") as f:
        f.write(b"sixteen octets and more")
    assert run(REPLAY, "extract", "--qs", path("hide.qs"), "--wire", path("hide")).returncode == 0
    assert run(REPLAY, "convert", "--private", path("key"), "--to", "pcap", path("hide.qs"), path("hide2")).returncode == 0
    q, a = (b[28:] for _, b in packets(path("hide2")))
    assert len(a) == len(www)
    for word in (b"www", b"secret", b"example", b"edge", b"host", b"hidden", b"opaque", bytes([203, 0, 113]), packed("2001:db8::77"), packed(POD)):
        assert not any(word in b for _, b in packets(path("hide2"))), word
    assert a[12:12 + len(name("www.secret.example"))] == q[12:-4], (a, q)
    assert q[16:31] == a[len(www) - len(subnet) - 11 - 16:][:15] or q[16:23] in a[40:], "host.secret.example ends as www.secret.example does"
    expect(metrics(path("hide2")), queries__sent=1, answers__total=1)


@case("hidden as a capture: nothing of what may stand where zeros, a few octets or a time do is left")
def _():
    def rr(rtype, data, rclass=1):
        return b"\xc0\x0c" + struct.pack("!2HIH", rtype, rclass, 30, len(data)) + data

    def option(code, data):
        return struct.pack("!2H", code, len(data)) + data

    clock = struct.pack("!HIH", 0, 1700000123, 300)
    soa = name("a.example") * 2 + bytes(20)
    records = [rr(6, soa + b"secret"), rr(47, name("b.example") + b"\0\1\x40" + b"secret"), rr(50, b"\1\0\0\0\0\1h\0\1\x40secret"),
               rr(64, b"\0\1" + name("c.example") + b"\0\4\0\4\xc6\x33\x64\7" + b"cats")]
    options = option(12, b"padsecret") + option(9, b"expsecret") + option(11, b"keepsecret") + option(9, b"\0\0\0\7") + option(11, b"\0\x64") + b"dogs"
    opt = b"\0" + struct.pack("!2HIH", 41, 1232, 0, len(options)) + options
    tsig = rr(250, name("k.example") + clock + b"\0\4macs" + bytes(6), 255)
    reply = struct.pack("!6H", 9, 0x8180, 1, 4, 0, 2) + name("www.example") + struct.pack("!2H", 1, 1) + b"".join(records) + opt + tsig
    p = Pcap(path("odd"))
    p.put(0, eth(dns(POD, 40000, VIP, 53, query(9, "www.example"), 1)))
    p.put(MS, eth(dns(VIP, 53, POD, 40000, reply, 2)))
    p.close()
    with open(path("key"), "wb") as f:
        f.write(b"sixteen octets and more")
    assert run(REPLAY, "extract", "--qs", path("odd.qs"), "--wire", path("odd")).returncode == 0
    assert run(REPLAY, "convert", "--private", path("key"), "--to", "pcap", path("odd.qs"), path("odd2")).returncode == 0
    a = [b[28:] for _, b in packets(path("odd2"))][1]
    assert len(a) == len(reply), a
    for word in (b"secret", b"macs", clock[:6], b"cats", b"dogs"):
        assert word not in a, (word, a)
    for kept in (option(12, bytes(9)), option(9, b"\0\0\0\7") + option(11, b"\0\x64"), bytes(6) + clock[6:], b"\0\1\x40"):
        assert kept in a, (kept, a)


@case("a domain that is none is a wrong command line, with --what-if and without")
def _():
    p = Story("domain")
    half(p, 0, 40000, 1, "www.example", "A", MS, 0)
    f = p.close()
    for args in ([], ["--what-if"]):
        r = run(REPLAY, "summary", "--domain", "..bad..", *args, f)
        assert (r.returncode, r.stdout) == (3, b"") and b"domain" in r.stderr, (args, r)


@case("the line of a replay that has just begun: no time has passed yet, and never less than none")
def _():
    p = Story("begins")
    half(p, 0, 40000, 1, "www.example", "A", MS, 0)
    r = run(REPLAY, "replay", "--to", "127.0.0.1:9", "--timeout", "50ms", "--late", "10s", p.close())
    lines = r.stderr.decode().splitlines()
    assert r.returncode == 0 and lines[0].split()[1:3] == ["0", "s,"], r


@case("an interrupt is the end of standard input, and what has come is shown")
def _():
    p = Pcap(path("interrupted"))
    for i in range(3):
        pair(p, i * MS, i, "a%d.example" % i, port=40000 + i)
    whole = open(p.close(), "rb").read()
    r = subprocess.Popen([REPLAY, "summary", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    r.stdin.write(whole)
    left = struct.pack("i", 1)
    while struct.unpack("i", left)[0]:  # all of it is read, and the pipe stays open
        left = fcntl.ioctl(r.stdin, termios.FIONREAD, left)
        assert r.poll() is None
    r.send_signal(signal.SIGINT)
    out = r.stdout.read()
    assert r.wait(timeout=60) == 0 and json.loads(out)["metrics"] == metrics(path("interrupted")), (r.returncode, out)


@case("a replay that is ended while it reads a pipe leaves no reader behind, whenever it ends")
def _():
    for i in range(60):
        r = subprocess.Popen([REPLAY, "replay", "--to", "127.0.0.1:5399", "--quiet", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        children = "/proc/%d/task/%d/children" % (r.pid, r.pid)
        r.stdin.write(b"\xd4")  # a capture's first octet: a stream has no reader
        until = time.monotonic() + 60
        while not open(children).read():
            assert r.poll() is None and time.monotonic() < until
        r.send_signal(signal.SIGTERM)  # the reader may be a moment old
        left = select.select([r.stdout], [], [], 60)[0]  # it holds standard output, too
        r.stdin.close()  # which ends one that is left
        assert left, "a reader is left behind (try %d)" % i
        assert r.stdout.read() == b"" and r.wait(timeout=60) == -signal.SIGTERM


@case("docs/replay.md shows what its commands print")
def _():
    root = os.getcwd()
    env = dict(os.environ, PATH=":".join([os.path.abspath(os.path.dirname(x)) for x in (REPLAY, MODEL)] + [os.environ["PATH"]]), LC_ALL="C", PYTHONDONTWRITEBYTECODE="1")
    os.makedirs(path("doc"), exist_ok=True)
    os.symlink(os.path.join(root, "tests"), path("doc/tests"))
    n, inside, printed, command = 0, False, "", ""
    for line in open("docs/replay.md"):
        line = line.rstrip("\n")
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            command = line[2:]
            r = subprocess.run(["bash", "-c", command], cwd=path("doc"), env=env, capture_output=True, timeout=60)
            assert r.returncode == 0, (command, r.stderr.decode())
            printed = r.stdout.decode().splitlines()
        elif inside and line:
            n += 1
            assert line in printed, "%s does not print: %s" % (command, line)
    assert n > 10
