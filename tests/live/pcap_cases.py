# SPDX-License-Identifier: Apache-2.0
"""What the reader has to get right, one small capture each; prints TAP.

Each case was wrong once: the reason stands in its title."""
import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile

from pcap_make import *

O = os.environ.get("O", "build/gcc")
REPLAY, MODEL = os.environ.get("PCAP_REPLAY", O + "/bin/pcap-replay"), os.environ.get("CONNTRACK_MODEL", O + "/bin/conntrack-model")
TMP = tempfile.mkdtemp(prefix="nodens-pcap.")
MS, S = 10**6, 10**9
POD, POD2, VIP, NODE, BACK, LOCAL = "10.244.1.2", "10.244.1.3", "10.96.0.10", "192.168.0.5", "10.244.2.9", "169.254.20.10"
cases = []
n_done = n_bad = 0


def case(title):
    def add(f):
        cases.append((title, f))
        return f
    return add


def path(name):
    return os.path.join(TMP, name)


def run(*args, stdin=None, timeout=60):
    return subprocess.run([str(a) for a in args], input=stdin, capture_output=True, timeout=timeout)


def summary(*files, status=0, args=()):
    r = run(REPLAY, "summary", "--json", *args, *files)
    assert r.returncode == status, "exit %d: %s" % (r.returncode, r.stderr.decode())
    return json.loads(r.stdout)


def metrics(*files, **kw):
    return summary(*files, **kw)["metrics"]


def expect(got, **want):
    for k, v in want.items():
        k = k.replace("__", ".")
        assert got[k] == v, "%s is %s, not %s" % (k, got[k], v)


def rows(*files, args=()):
    r = run(REPLAY, "extract", "--csv", "-", *args, *files)
    assert r.returncode == 0, r.stderr.decode()
    return sorted(csv.DictReader(io.StringIO(r.stdout.decode())), key=lambda x: int(x["t_ns"]))


def stream(*files, args=()):
    r = run(REPLAY, "extract", "--qs", "-", *args, *files)
    assert r.returncode == 0, r.stderr.decode()
    lines = r.stdout.decode().splitlines()
    names = lines[0].split("\t")[1:]
    return r.stdout, [dict(zip(names, l.split("\t"))) for l in lines if not l.startswith("#")]


def model(qs, *args):
    r = run(MODEL, "--qs", "-", *args, stdin=qs)
    assert r.returncode == 0, r.stderr.decode()
    return r.stdout.decode()


def pair(p, t, qid, qname, client=POD, port=40000, server=VIP, wrap=eth, ident=7, rtt=MS, qtype="A", **kw):
    p.put(t, wrap(dns(client, port, server, 53, query(qid, qname, qtype), ident)))
    p.put(t + rtt, wrap(dns(server, 53, client, port, answer(qid, qname, qtype, **kw), ident + 1)))


@case("D2: frames 2 us out of order, and what conntrack-model says to it")
def _():
    p = Pcap(path("d2"))
    for i in range(20):
        pair(p, i * 10 * MS, i, "a%d.example" % i, port=40000 + i)
    p.put(300 * MS, eth(dns(POD, 5000, VIP, 53, query(99, "x.example"), 3)))
    p.put(300 * MS - 2000, eth(dns(POD, 5001, VIP, 53, query(98, "y.example"), 4)))
    qs, got = stream(p.close())
    t = [int(r["t_ns"]) for r in got]
    assert t == sorted(t) and len(t) == 42
    assert "22 queries tracked" in model(qs)


def node_views(p, t, qid, qname, ident, port, answered=True, masquerade=True):
    """One query of a pod as `tcpdump -i any` of its node sees it, and its answer back."""
    q, r = query(qid, qname), answer(qid, qname)
    src = NODE if masquerade else POD
    p.put(t, sll2(dns(POD, port, VIP, 53, q, ident), 5, IN))
    p.put(t + 2000, sll2(dns(POD, port, VIP, 53, q, ident), 3, IN))
    p.put(t + 9000, sll2(dns(src, port, BACK, 53, q, ident), 2, OUT))
    if answered:
        p.put(t + MS, sll2(dns(BACK, 53, src, port, r, ident + 9), 2, IN))
        p.put(t + MS + 5000, sll2(dns(VIP, 53, POD, port, r, ident + 9), 3, OUT))
        p.put(t + MS + 6000, sll2(dns(VIP, 53, POD, port, r, ident + 9), 5, OUT))


@case("D2: an answer 2 us before its question is its answer")
def _():
    p = Pcap(path("d2b"))
    p.put(2000, eth(dns(POD, 40000, VIP, 53, query(1, "a.example"))))
    p.put(0, eth(dns(VIP, 53, POD, 40000, answer(1, "a.example"))))
    expect(metrics(p.close()), answers__total=1, answers__alone=0)


@case("D3: a query seen at veth, bridge and uplink is one, in the stream and in the table")
def _():
    p = Pcap(path("d3"), 276)
    for i in range(10):
        node_views(p, i * 100 * MS, i, "a%d.example" % i, 100 + i * 20, 41000 + i)
    f = p.close()
    expect(metrics(f), queries__sent=10, answers__total=10, capture__hops=20, queries__retried=0)
    qs, got = stream(f)
    assert len(got) == 20 and all(r["server"] == VIP for r in got), got
    assert "10 queries tracked" in model(qs) and " 10 flows made" in model(qs)
    assert len(stream(f, args=["--view", "all"])[1]) == 60
    up = stream(f, args=["--view", "upstream"])[1]
    assert len(up) == 20 and all(r["server"] == BACK and r["client"] == NODE for r in up), up
    r = rows(f)[0]
    assert (r["client"], r["server"], r["nat_client"], r["nat_server"]) == (POD, VIP, NODE, BACK), r


@case("D4: answers from another address than was asked are no answers")
def _():
    p = Pcap(path("d4"))
    for i in range(2):
        p.put(i * 5 * S, eth(dns(POD, 40000, LOCAL, 53, query(7, "a.example"), 10 + i)))
        p.put(i * 5 * S + MS, eth(dns("10.244.1.1", 53, POD, 40000, answer(7, "a.example"), 30 + i)))
    s = summary(p.close())
    expect(s["metrics"], queries__sent=2, answers__total=0, queries__unanswered=1, answers__elsewhere=1, queries__retried=1)
    assert s["resent_after_s"]["5"] == 1
    assert "elsewhere:10.244.1.1" in rows(p.path)[0]["marks"]


@case("D5: one socket asks two servers with one id: two queries")
def _():
    p = Pcap(path("d5"))
    for i in range(5):
        for k, server in enumerate((VIP, "10.96.0.11")):
            p.put(i * S + k * 50000, eth(dns(POD, 40000 + i, server, 53, query(i, "a%d.example" % i))))
            p.put(i * S + MS + k * 50000, eth(dns(server, 53, POD, 40000 + i, answer(i, "a%d.example" % i))))
    expect(metrics(p.close()), queries__sent=10, answers__total=10, capture__hops=0)


@case("D5: the same as seen on a node, where a view of the first lies between")
def _():
    p = Pcap(path("d5b"), 276)
    q = query(1, "a.example")
    p.put(0, sll2(dns(POD, 40000, VIP, 53, q), 5, IN))
    p.put(3000, sll2(dns(POD, 40000, BACK, 53, q), 2, OUT))
    p.put(5000, sll2(dns(POD, 40000, "10.96.0.11", 53, q), 5, IN))
    p.put(8000, sll2(dns(POD, 40000, "10.244.2.8", 53, q), 2, OUT))
    expect(metrics(p.close()), queries__sent=2, capture__hops=2)


@case("D6: forty pods ask one name with id 0 within 40 ms: forty queries")
def _():
    p = Pcap(path("d6"), 276)
    for i in range(40):
        p.put(i * MS, sll2(dns("10.244.1.%d" % (10 + i), 40000 + i, VIP, 53, query(0, "hot.example"), 500 + i), 10 + i, IN))
    expect(metrics(p.close()), queries__sent=40, capture__hops=0)


def stubs(*files):
    """Client -> what its stub is called."""
    return {c["address"]: c.get("stub") for c in summary(*files)["clients"]}


@case("stub resolvers are named by what they do: captures of the real ones")
def _():
    data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/captures")
    got = stubs(data + "/stubs.pcap.xz", data + "/stub-resolved.pcap.xz")
    want = {"11": "glibc", "12": "musl", "13": "Go", "14": "c-ares", "15": "c-ares", "16": "glibc", "17": "Java (JNDI)", "18": "unknown",
            "19": "unknown", "20": "systemd-resolved", "21": "nslookup"}
    assert len(got) >= 10, got
    for k, v in got.items():
        assert want[k.split(".")[3]] == v, (k, v)


def lookup(p, t, client, port, ids, qname, second_port=None, order=("A", "AAAA"), **kw):
    """A pair, 20 us apart, each answered a millisecond later."""
    for k, qtype in enumerate(order):
        sport = port if k == 0 or second_port is None else second_port
        p.put(t + k * 20000, eth(dns(client, sport, VIP, 53, query(ids[k], qname, qtype, **kw), ids[k] | 1)))
    for k, qtype in enumerate(order):
        sport = port if k == 0 or second_port is None else second_port
        p.put(t + MS + k * 20000, eth(dns(VIP, 53, client, sport, answer(ids[k], qname, qtype), 7)))


OPT = {"extra": bytes([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]), "n_ar": 1}  # 1232


@case("a stub is one of several where nothing tells them apart, and unknown where nothing fits")
def _():
    p = Pcap(path("few"))
    for i in range(3):
        # from one port, A first, no EDNS, absolute names: glibc and c-ares do that, and musl but for its ids
        lookup(p, i * S, "10.244.1.2", 30000 + i, (5000 * i + 1, 60000 - 9000 * i), "a%d.example" % i)
        lookup(p, i * S + MS * 10, "10.244.1.3", 30000 + 2 * i, (5000 * i + 1, 60000 - 9000 * i), "a%d.example" % i, 30001 + 2 * i, ("AAAA", "A"), **OPT)
        # a gateway with two kinds of pods behind it
        lookup(p, i * S + MS * 20, "10.244.1.4", 40000 + i, (7000 * i + 9, 50000 - 9000 * i), "a%d.example" % i)
        lookup(p, i * S + MS * 30, "10.244.1.4", 50000 + 2 * i, (6000 * i + 5, 40000 - 9000 * i), "b%d.example" % i, 50001 + 2 * i, **OPT)
    p.put(5 * S, eth(dns("10.244.1.5", 40000, VIP, 53, query(9, "only.example"), 9)))
    got = stubs(p.close())
    assert got == {"10.244.1.2": "one of glibc, musl, c-ares", "10.244.1.3": "Go", "10.244.1.4": "unknown", "10.244.1.5": "unknown"}, got


@case("whoever answers somebody asks for others, whatever its questions look like")
def _():
    p = Pcap(path("forwards"))
    for i in range(5):
        p.put(i * S, eth(dns(POD, 40000 + i, LOCAL, 53, query(i, "a%d.example" % i), 2 * i + 1)))
        lookup(p, i * S + MS, LOCAL, 30000 + i, (7 * i, 9000 * i + 1), "a%d.example" % i)
        p.put(i * S + 3 * MS, eth(dns(LOCAL, 53, POD, 40000 + i, answer(i, "a%d.example" % i), 5)))
    got = stubs(p.close())
    assert got[LOCAL] == "a server, asks for others", got


@case("D6b: a cache that asks on with its client's id: its own queries")
def _():
    p = Pcap(path("d6b"), 276)
    for i in range(10):
        q = query(i, "a%d.example" % i)
        p.put(i * S, sll2(dns(POD, 40000 + i, LOCAL, 53, q, 100 + i), 5, IN))
        p.put(i * S + 200000, sll2(dns(NODE, 50000 + i, BACK, 53, q, 900 + i), 2, OUT))
    expect(metrics(p.close()), queries__sent=20, capture__hops=0)


@case("D7: a resend seen at three places is one resend; a later question is none")
def _():
    p = Pcap(path("d7"), 276)
    node_views(p, 0, 1, "a.example", 100, 41000, answered=False)
    node_views(p, 5 * S, 1, "a.example", 140, 41000)
    node_views(p, 20 * S, 2, "b.example", 200, 41001, answered=False)
    node_views(p, 33 * S, 3, "b.example", 240, 41002)  # no stub waits 13 s
    expect(metrics(p.close()), queries__sent=4, queries__retried=1, answers__total=2, queries__unanswered=1)


@case("D7c: glibc sends the answered half of a pair again too: no new lookup")
def _():
    p = Pcap(path("d7c"))
    for t in (0, 5 * S):
        p.put(t, eth(dns(POD, 40000, VIP, 53, query(1, "a.example"), 1)))
        p.put(t + 20000, eth(dns(POD, 40000, VIP, 53, query(2, "a.example", "AAAA"), 2)))
        p.put(t + MS, eth(dns(VIP, 53, POD, 40000, answer(1, "a.example"))))
    p.put(5 * S + MS, eth(dns(VIP, 53, POD, 40000, answer(2, "a.example", "AAAA"))))
    expect(metrics(p.close()), queries__sent=4, queries__retried=2, lookups__total=1, answers__total=2, answers__twice=1)


@case("D8: SLL v1 shows veth and bridge alike: copies, not retransmissions")
def _():
    p = Pcap(path("d8"), 113)
    for i in range(12):
        q, r = dns(POD, 40000 + i, LOCAL, 53, query(i, "a.example"), 50 + i), dns(LOCAL, 53, POD, 40000 + i, answer(i, "a.example"))
        p.put(i * S, sll(q, IN)), p.put(i * S, sll(q, IN))
        p.put(i * S + MS, sll(r, OUT)), p.put(i * S + MS + 2000, sll(r, OUT))
    expect(metrics(p.close()), queries__sent=12, queries__retried=0, answers__total=12, answers__twice=0)


@case("D9: captures joined years apart: conntrack-model ends, and soon")
def _():
    p = Pcap(path("d9"))
    for t in (0, 3 * 365 * 86400 * S):
        pair(p, t, 1, "a.example")
    qs, _ = stream(p.close())
    assert "2 queries tracked" in model(qs)
    p = Pcap(path("d9b"))  # the clock is set at boot, and set back
    pair(p, 5 * S, 1, "a.example")
    pair(p, 1000 * S, 2, "b.example")
    pair(p, 10 * S, 3, "c.example")
    qs, got = stream(p.close())
    assert len(got) == 6 and "3 queries tracked" in model(qs)


@case("D9b: two real servers, one port: nothing is lost in an empty table")
def _():
    out = model(stream(path("d5"))[0])
    assert " 0 queries lost" in out and "clash" not in out, out


@case("D10: first fragments only, as the filter `port 53` catches them: header and question are known")
def _():
    p = Pcap(path("d10"))
    for i in range(6):
        p.put(i * 3 * S, eth(dns(POD, 40000 + i, VIP, 53, query(i, "a.example"))))
        whole = udp(53, 40000 + i, answer(i, "a.example", pad=3000))
        p.put(i * 3 * S + MS, eth(ip4(VIP, POD, 17, whole[:1480], ident=9 + i, frag=0x2000)))
    s = metrics(p.close())
    expect(s, queries__sent=6, answers__total=6, answers__noerror=6)
    p = Pcap(path("d10b"))  # and put together when the rest is there, in any order
    whole = udp(53, 40000, answer(1, "a.example", pad=3000))
    p.put(0, eth(dns(POD, 40000, VIP, 53, query(1, "a.example"))))
    for off in (2960, 0, 1480):
        part = whole[off:off + 1480]
        p.put(MS, eth(ip4(VIP, POD, 17, part, ident=9, frag=(0x2000 if off + 1480 < len(whole) else 0) | off // 8)))
    expect(metrics(p.close()), answers__total=1, capture__malformed=0)


@case("D11: answers without a question section belong to their tuple and id")
def _():
    p = Pcap(path("d11"))
    p.put(0, eth(dns(POD, 40000, VIP, 53, query(1, "a.example"))))
    p.put(MS, eth(dns(VIP, 53, POD, 40000, answer(1, "a.example", rcode=1, question=False))))
    s = summary(p.close())
    expect(s["metrics"], answers__total=1, queries__unanswered=0)
    assert s["rcodes"] == {"FORMERR": 1}


def tcp_frames(segments):
    """(t, from_client, seq, payload, flags[, ack])"""
    for t, c, seq, data, flags, *ack in segments:
        a, b = ((POD, 40000), (VIP, 53)) if c else ((VIP, 53), (POD, 40000))
        yield t, eth(ip4(a[0], b[0], 6, tcp(a[1], b[1], seq, data, flags, ack[0] if ack else 0)))


@case("D12: behind a lost TCP segment messages keep their own times and their answers")
def _():
    q = [framed(query(i, "a%d.example" % i)) for i in range(4)]
    at = [101 + sum(map(len, q[:i])) for i in range(5)]
    seg = [(0, True, 100, b"", 2)]
    for i in range(4):
        t = (i + 1) * 100 * MS
        if i != 1:
            seg.append((t, True, at[i], q[i], 0x18))
        seg.append((t + MS, False, 501 + i * 200, framed(answer(i, "a%d.example" % i)).ljust(200, b"\0")[:0], 0x10, at[i + 1]))
    r = [framed(answer(i, "a%d.example" % i)) for i in range(4)]
    ra = [501 + sum(map(len, r[:i])) for i in range(5)]
    seg += [((i + 1) * 100 * MS + 2 * MS, False, ra[i], r[i], 0x18, at[i + 1]) for i in range(4)]
    p = Pcap(path("d12"))
    for t, f in sorted(tcp_frames(seg), key=lambda x: x[0]):
        p.put(t, f)
    got = {r["id"]: r for r in rows(p.close())}
    assert sorted(got) == ["0", "2", "3"], got
    assert all(r["answered_ns"] != "0" for r in got.values()), got
    assert int(got["2"]["t_ns"]) - Pcap.ZERO == 300 * MS, got["2"]


@case("D13: a TCP port used again without its SYN, at lower sequence numbers")
def _():
    p = Pcap(path("d13"))
    for k, base in enumerate((1_000_000_000, 1000)):
        at = base
        for i in range(3):
            m = framed(query(k * 3 + i, "a%d.example" % i))
            for t, f in tcp_frames([(k * 10 * S + i * S, True, at, m, 0x18)]):
                p.put(t, f)
            at += len(m)
        for t, f in tcp_frames([(k * 10 * S + 4 * S, True, at, b"", 0x11)]):
            p.put(t, f)
    expect(metrics(p.close()), queries__sent=6, queries__tcp=6)


@case("D14, D15: a snap length of 68: queries and answers by tuple and id, the header's rcode told")
def _():
    p = Pcap(path("d15"), snap=68)
    for i in range(10):
        pair(p, i * 10 * MS, i, "a-name-longer-than-is-left.example", port=40000 + i, rcode=3)
    f = p.close()
    expect(metrics(f), queries__sent=10, answers__total=10, answers__nxdomain=10)
    assert [r["rcode"] for r in stream(f)[1] if r["kind"] == "r"] == ["NXDOMAIN"] * 10


@case("D16: pcapng with 300 interfaces")
def _():
    p = Pcapng(path("d16"))
    for i in range(300):
        p.iface(tsresol=9 if i % 2 else 6)
    f = eth(dns(POD, 40000, VIP, 53, query(1, "a.example")))
    p.packet(299, Pcap.ZERO, f)
    p.packet(298, Pcap.ZERO // 1000 + 1000, eth(dns(VIP, 53, POD, 40000, answer(1, "a.example"))))
    s = summary(p.close())
    expect(s["metrics"], answers__total=1)
    assert s["latency_ns"]["max"] == MS


@case("D17: a block of 300 kB that is no packet is passed over")
def _():
    p = Pcapng(path("d17"))
    p.block(10, bytes(300000))
    p.iface()
    p.packet(0, 1, eth(dns(POD, 40000, VIP, 53, query(1, "a.example"))))
    expect(metrics(p.close()), queries__sent=1)


@case("D18: packets without a time are not of 1970")
def _():
    p = Pcapng(path("d18"))
    p.iface()
    p.simple(eth(dns(POD, 40000, VIP, 53, query(1, "a.example"))))
    p.packet(0, Pcap.ZERO // 1000, eth(dns(POD, 40002, VIP, 53, query(3, "a.example"))))
    p.simple(eth(dns(VIP, 53, POD, 40000, answer(1, "a.example"))))
    p.packet(0, Pcap.ZERO // 1000 + 5, eth(dns(POD, 40001, VIP, 53, query(2, "a.example"))))
    s = metrics(p.close())
    expect(s, answers__total=1)
    assert s["capture.span"] == 5e-6, s["capture.span"]
    assert [r["t_ns"] for r in stream(p.path)[1]] == ["0", "0", "0", "5000"]


@case("D19: unknown versions and reserved bits are refused, with what was expected")
def _():
    files = [Pcap(path("d19a"), version=(1, 4)), Pcap(path("d19b"), link=1 | 1 << 20), Pcapng(path("d19c"), version=(2, 0))]
    last = Pcapng(path("d19d"))
    last.iface(reserved=7)
    for f in files + [last]:
        r = run(REPLAY, "summary", f.close())
        assert r.returncode == 1 and (b"expected" in r.stderr or b"reserved" in r.stderr), r


@case("D20: IPv6 fragments behind destination options are one datagram")
def _():
    a, b = "fd00::1", "fd00::2"
    whole = bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp(53, 40000, answer(1, "a.example", pad=2000))
    p = Pcap(path("d20"))
    p.put(0, eth(dns(b, 40000, a, 53, query(1, "a.example"))))
    for off in (0, 1200):
        head = struct.pack("!BBHI", 60, 0, off | (off == 0), 77)
        p.put(MS + off, eth(ip6(a, b, 44, head + whole[off:off + 1200 if off == 0 else None])))
    s = summary(p.close())
    expect(s["metrics"], answers__total=1)
    assert s["skipped"].get("fragment, kept") == 1, s["skipped"]


@case("D21: zeros behind a gzip stream are padding")
def _():
    z = path("d21.gz")
    with open(path("d2"), "rb") as f, open(z, "wb") as out:
        out.write(gzip.compress(f.read()) + bytes(5000))
    expect(metrics(z), queries__sent=22)


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


@case("D24: the stream says where it comes from and when its zero was")
def _():
    qs, _ = stream(path("d2"), args=["--point", "pod"])
    facts = [l for l in qs.decode().splitlines() if l.startswith("#!")]
    assert facts == ["#! point=pod", "#! source=capture", "#! zero=1767225600.000000000"], facts


@case("D25: a TCP connection seen at three places is one connection")
def _():
    p = Pcap(path("d25"), 276)
    m, places = framed(query(1, "a.example")), ((5, IN, POD, VIP), (3, IN, POD, VIP), (2, OUT, NODE, BACK))
    for t, seq, data, flags in ((0, 100, b"", 2), (MS, 101, m, 0x18), (3 * MS, 101 + len(m), b"", 0x11)):
        for k, (iface, way, a, b) in enumerate(places):
            p.put(t + k * 1000, sll2(ip4(a, b, 6, tcp(40000, 53, seq, data, flags)), iface, way))
    s = metrics(p.close())
    expect(s, tcp__connections=1, queries__sent=1, capture__hops=2)
    assert [r["kind"] for r in stream(p.path)[1]] == ["o", "q", "c"]


@case("D26: a segment of 250 kB full of the shortest messages")
def _():
    m = framed(struct.pack("!6H", 1, 0x0100, 0, 0, 0, 0))
    p = Pcap(path("d26"))
    for t, c, seq, data, flags in ((0, True, 100, b"", 2), (MS, True, 101, m * 17000, 0x18)):
        p.put(t, eth(ip4(POD, VIP, 6, tcp(40000, 53, seq, data, flags), total=0)))
    r = run(REPLAY, "summary", p.close())
    assert b"DNS messages                      17000" in r.stdout, r.stdout.decode()


# --- layers, files, limits ---

def gre(ip):
    return struct.pack("!HH", 0, ethertype(ip)) + ip


def tunnel(outer):
    return lambda ip: eth(outer(ip))


def vxlan(ip, port=4789):
    return ip4(NODE, "192.168.0.6", 17, udp(40404, port, bytes([8, 0, 0, 0, 0, 0, 1, 0]) + eth(ip)))


def pppoe(ip):
    ppp = struct.pack("!H", 0x21 if ip[0] >> 4 == 4 else 0x57) + ip
    return struct.pack("!BBHH", 0x11, 0, 1, len(ppp)) + ppp


def nflog(ip):
    def tlv(kind, data):
        return struct.pack("<HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
    return bytes([2, 0, 0, 1]) + tlv(1, bytes(4)) + tlv(4, struct.pack("!I", 3)) + tlv(10, b"prefix\0") + tlv(9, ip)


LAYERS = [
    ("Ethernet", 1, eth), ("SLL", 113, sll), ("SLL2", 276, lambda ip: sll2(ip, 3)), ("raw IP", 101, bytes),
    ("NULL", 0, lambda ip: struct.pack("<I", 2) + ip), ("LOOP", 108, lambda ip: struct.pack("!I", 2) + ip), ("NFLOG", 239, nflog),
    ("PPP", 9, lambda ip: b"\xff\x03\x00\x21" + ip),
    ("VLAN", 1, lambda ip: eth(struct.pack("!HH", 11, 0x0800) + ip, 0x8100)),
    ("QinQ", 1, lambda ip: eth(struct.pack("!HHHH", 5, 0x8100, 11, 0x0800) + ip, 0x88a8)),
    ("802.3 with SNAP", 1, lambda ip: eth(b"\xaa\xaa\x03\0\0\0\x08\0" + ip, 8 + len(ip))),
    ("MPLS", 1, lambda ip: eth(struct.pack("!II", 16 << 12, 17 << 12 | 256) + ip, 0x8847)),
    ("PPPoE", 1, lambda ip: eth(pppoe(ip), 0x8864)),
    ("PPPoE in two VLANs", 1, lambda ip: eth(struct.pack("!HHHH", 5, 0x8100, 11, 0x8864) + pppoe(ip), 0x8100)),
    ("IP in IP", 1, tunnel(lambda ip: ip4(NODE, "192.168.0.6", 4, ip))),
    ("GRE", 1, tunnel(lambda ip: ip4(NODE, "192.168.0.6", 47, gre(ip)))),
    ("VXLAN", 1, tunnel(vxlan)), ("VXLAN on Linux's port", 1, tunnel(lambda ip: vxlan(ip, 8472))),
    ("Geneve with an option", 1, tunnel(lambda ip: ip4(NODE, "192.168.0.6", 17, udp(9, 6081, b"\x02\0\x65\x58\0\0\1\0" + bytes(8) + eth(ip))))),
    ("GRE in VXLAN in VLAN", 1, lambda ip: eth(struct.pack("!HH", 11, 0x0800) + vxlan(ip4(POD, POD2, 47, gre(ip))), 0x8100)),
]
for title, link, wrap in LAYERS:
    def layer(title=title, link=link, wrap=wrap):
        p = Pcap(path("layer"), link)
        pair(p, 0, 1, "a.example", wrap=wrap)
        expect(metrics(p.close()), queries__sent=1, answers__total=1)
    cases.append(("DNS inside " + title, layer))


@case("DNS inside 6in4")
def _():
    p = Pcap(path("6in4"))
    pair(p, 0, 1, "a.example", client="fd00::2", server="fd00::a", wrap=tunnel(lambda ip: ip4(NODE, "192.168.0.6", 41, ip)))
    expect(metrics(p.close()), queries__sent=1, answers__total=1)


@case("VXLAN on a port nobody knows is told")
def _():
    p = Pcap(path("vx"))
    pair(p, 0, 1, "a.example", wrap=tunnel(lambda ip: vxlan(ip, 9999)))
    assert summary(p.close())["skipped"]["looks like VXLAN"] == 2


@case("an unknown link type is a loud error")
def _():
    p = Pcap(path("link"), 105)
    p.put(0, bytes(60))
    r = run(REPLAY, "summary", p.close())
    assert r.returncode == 1 and b"link type 105" in r.stderr, r


@case("a rotated capture: files in any order, or their folder")
def _():
    os.mkdir(path("ring"))
    files = []
    for k in range(3):
        p = Pcap(path("ring/part%d" % ((k + 1) % 3)))
        pair(p, k * S, k, "a%d.example" % k, port=40000 + k, rtt=S // 2)
        files.append(p.close())
    for given in (files[::-1], [path("ring")]):
        expect(metrics(*given), queries__sent=3, answers__total=3, capture__frames=6)


@case("two captures of one time are two places: one query, two views")
def _():
    files = []
    for k in range(2):
        p = Pcap(path("place%d" % k))
        pair(p, k * 5000, 1, "a.example", wrap=eth, ident=9)
        pair(p, k * 5000 + 10 * MS, 2, "b.example", ident=19)
        files.append(p.close())
    expect(metrics(*files), queries__sent=2, answers__total=2, capture__hops=2)


@case("standard input")
def _():
    with open(path("d2"), "rb") as f:
        r = run(REPLAY, "summary", "--json", "-", stdin=f.read())
    expect(json.loads(r.stdout)["metrics"], queries__sent=22)


@case("half streams without end stay within --memory, and are counted")
def _():
    p = Pcap(path("half"))
    for i in range(3000):
        a = "10.%d.%d.%d" % (1 + i // 65536, i // 256 % 256, i % 256)
        p.put(i * 1000, eth(ip4(a, VIP, 6, tcp(40000, 53, 1, struct.pack("!H", 60000) + bytes([0, 1, 1, 0, 0, 1]) + bytes(8000), 0x18))))
    f = p.close()
    r = run("bash", "-c", "ulimit -v 200000; exec %s summary --memory 8000000 %s" % (REPLAY, f))
    if b"AddressSanitizer" in r.stderr:  # its shadow alone is more
        r = run(REPLAY, "summary", "--memory", 8000000, f)
    assert r.returncode == 0 and b"streams given up" in r.stdout, r


@case("more names and questions than --memory holds: counted, not held")
def _():
    p = Pcap(path("names"))
    for i in range(40000):
        p.put(i * 1000, eth(dns(POD, 1024 + i % 60000, VIP, 53, query(i & 0xffff, "n%d.%s.example" % (i, "x" * 50)))))
    f = p.close()
    r = run(REPLAY, "summary", "--memory", 6000000, f)
    assert r.returncode == 0 and b"closed early" in r.stdout and b"and more, for which there was no memory" in r.stdout, r
    expect(metrics(f, args=["--memory", "6000000"]), queries__sent=40000)


@case("TC by UDP, then TCP; answered twice; late")
def _():
    p = Pcap(path("marks"))
    pair(p, 0, 1, "a.example", flags=0x8380, n=0)
    q, r = framed(query(2, "a.example")), framed(answer(2, "a.example"))
    for t, f in tcp_frames([(2 * MS, True, 1, b"", 2), (3 * MS, True, 2, q, 0x18), (4 * MS, False, 9, r, 0x18)]):
        p.put(t, f)
    pair(p, S, 3, "b.example", port=40003)
    p.put(S + 70 * MS, eth(dns(VIP, 53, POD, 40003, answer(3, "b.example"))))
    pair(p, 2 * S, 4, "c.example", port=40004, rtt=6 * S)
    marks = {r["id"]: r["marks"] for r in rows(p.close())}
    assert marks == {"1": "tc", "2": "tcp-after-tc", "3": "twice", "4": "late"}, marks


@case("the wire column carries each message whole")
def _():
    _, got = stream(path("d5"), args=["--wire"])
    assert bytes.fromhex(got[0]["wire"]) == query(0, "a0.example"), got[0]


@case("NOTIFY is no query for SOA")
def _():
    p = Pcap(path("notify"))
    p.put(0, eth(dns(POD, 40000, VIP, 53, query(1, "zone.example", "SOA", flags=0x2400))))
    expect(metrics(p.close()), queries__sent=0)


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


@case("a name that does not exist, looked up twice within a second, is two lookups; and so is one asked by two sockets at once")
def _():
    suffixes = (".default.svc.cluster.local", ".svc.cluster.local", ".cluster.local", "")
    p = Pcap(path("twice"))
    for n in range(2):
        for k, suffix in enumerate(suffixes):
            for q, qtype in enumerate(("A", "AAAA")):
                t = n * 300 * MS + k * 5 * MS + q * 10000
                pair(p, t, 100 * n + 2 * k + q, "www.none.example" + suffix, port=40000 + n, qtype=qtype, rcode=3, n=0)
    expect(metrics(p.close()), queries__sent=16, lookups__total=2)
    p = Pcap(path("atonce"))
    for n in range(2):
        for k, suffix in enumerate(suffixes[:2]):
            for q, qtype in enumerate(("A", "AAAA")):
                pair(p, n * 2 * MS + k * 5 * MS + q * 10000, 100 * n + 2 * k + q, "db" + suffix, port=40000 + n, qtype=qtype, rcode=3, n=0)
    expect(metrics(p.close()), queries__sent=8, lookups__total=2)


KUBECTL = """NAMESPACE     NAME              READY   STATUS    RESTARTS     AGE   IP           NODE   NOMINATED NODE
default       pod/web-0         1/1     Running   1 (2d ago)   10d   %s   n1     <none>
default       pod/waits-0       0/1     Pending   0            1m    <none>       <none> <none>
kube-system   pod/coredns-0     1/1     Running   0            10d   %s   n2     <none>

NAMESPACE     NAME               TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)
default       service/headless   ClusterIP   None         <none>        80/TCP
kube-system   service/kube-dns   ClusterIP   %s   <none>        53/UDP,53/TCP
"""


@case("where clients' questions go: in path, bypassed, half of the pods, past the Service; and who is who")
def _():
    with open(path("kubectl"), "w") as f:
        f.write(KUBECTL % (POD.ljust(12), BACK.ljust(12), VIP.ljust(12)))

    def paths(f, *args):
        return {k: v for k, v in summary(f, args=args)["paths"].items() if v}

    p = Pcap(path("paths-in"), 276)  # pods ask the cache, the cache asks a DNS pod
    for i in range(10):
        p.put(i * S, sll2(dns(POD, 40000 + i, LOCAL, 53, query(i, "a.example"), 100 + i), 5, IN))
        p.put(i * S + MS, sll2(dns(LOCAL, 53, POD, 40000 + i, answer(i, "a.example"), 200 + i), 5, OUT))
        p.put(i * S + 2 * MS, sll2(dns(LOCAL, 50000 + i, BACK, 53, query(i + 900, "b.example"), 300 + i), 2, OUT))
        p.put(i * S + 3 * MS, sll2(dns(BACK, 53, LOCAL, 50000 + i, answer(i + 900, "b.example"), 400 + i), 2, IN))
    f = p.close()
    assert paths(f) == {"link_local": 10, "forwarded": 10}, paths(f)
    p = Pcap(path("paths-node"), 276)  # the cache asks with the node's address, by TCP or UDP; so do pods in the host's network
    for i in range(10):
        n = "n%d.example" % i
        p.put(i * S, sll2(dns(POD, 40000 + i, LOCAL, 53, query(i, n), 100 + i), 5, IN))
        p.put(i * S + MS, sll2(dns(NODE, 50000 + i, BACK, 53, query(i + 900, n), 300 + i), 2, OUT))
        p.put(i * S + 2 * MS, sll2(dns(BACK, 53, NODE, 50000 + i, answer(i + 900, n), 400 + i), 2, IN))
        p.put(i * S + 3 * MS, sll2(dns(LOCAL, 53, POD, 40000 + i, answer(i, n), 200 + i), 5, OUT))
        for k in range(2):  # twice as often somebody on the node, past the cache
            p.put(i * S + (100 + k) * MS, sll2(dns(NODE, 51000 + 2 * i + k, BACK, 53, query(i + 1900 + k, n), 500 + i), 2, OUT))
            p.put(i * S + (105 + k) * MS, sll2(dns(BACK, 53, NODE, 51000 + 2 * i + k, answer(i + 1900 + k, n), 600 + i), 2, IN))
    f = p.close()
    assert paths(f) == {"link_local": 10, "elsewhere": 20, "forwarded": 10}, paths(f)
    p = Pcap(path("paths-self"), 276)  # a program on the node asks the cache's address, and has it itself
    pair(p, 0, 1, "a.example", client=LOCAL, server=LOCAL, wrap=lambda x: sll2(x, 1, IN))
    f = p.close()
    assert paths(f) == {"link_local": 1}, paths(f)
    p = Pcap(path("paths-by"), 276)
    for i in range(10):
        node_views(p, i * S, i, "a.example", 100 + i * 20, 41000 + i)
    f = p.close()
    assert paths(f) == {"service": 10}, paths(f)
    p = Pcap(path("paths-half"), 276)
    for i in range(10):
        if i % 2:
            node_views(p, i * S, i, "a.example", 100 + i * 20, 41000 + i)
        else:
            p.put(i * S, sll2(dns("10.244.1.77", 40000 + i, LOCAL, 53, query(i, "a.example"), 100 + i), 5, IN))
            p.put(i * S + MS, sll2(dns(LOCAL, 53, "10.244.1.77", 40000 + i, answer(i, "a.example"), 200 + i), 5, OUT))
    pair(p, 20 * S, 1, "c.example", server=BACK, wrap=lambda x: sll2(x, 5, IN))
    pair(p, 21 * S, 1, "c.example", server="9.9.9.9", wrap=lambda x: sll2(x, 5, IN), port=1234)
    f = p.close()
    assert paths(f) == {"link_local": 5, "service": 5, "backend": 1, "elsewhere": 1}, paths(f)
    p = Pcap(path("paths-veth"))  # one place: no translation to be seen
    pair(p, 0, 1, "a.example")
    f = p.close()
    assert paths(f) == {"elsewhere": 1}, paths(f)
    assert paths(f, "--map", path("kubectl")) == {"service_untranslated": 1}
    s = summary(f, args=["--map", path("kubectl")])
    assert s["servers"][0]["name"] == "kube-system/kube-dns" and s["clients"][0]["name"] == "default/web-0", s["servers"]
    for bad, line in (("NAME IP\nx\n", 1), ("10.0.0.1 a\n10.0.0 b\n", 2), (KUBECTL % ("10.244.1.999", BACK, VIP), 2)):
        with open(path("badmap"), "w") as g:
            g.write(bad)
        r = run(REPLAY, "summary", "--map", path("badmap"), f)
        assert r.returncode == 1 and b"badmap:%d: expected" % line in r.stderr, r
    assert run(REPLAY, "summary", "--map", path("nosuch"), f).returncode == 1


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


for title, f in cases:
    n_done += 1
    try:
        f()
        print("ok %d - %s" % (n_done, title))
    except Exception as e:  # any fault of a case is that case's result
        n_bad += 1
        print("not ok %d - %s" % (n_done, title))
        print("# %s: %s" % (type(e).__name__, str(e)[:600].replace("\n", "\n# ")))
    sys.stdout.flush()
subprocess.run(["rm", "-rf", TMP])
sys.exit(n_bad > 0)
