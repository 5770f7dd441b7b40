# SPDX-License-Identifier: Apache-2.0
"""Layers, fragments, streams, containers, limits: from octets to messages."""
import gzip
import json
import os
import struct
import subprocess

from pcap_case import *


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


@case("what is packed twice is said to be")
def _():
    with open(path("d2"), "rb") as f:
        twice = gzip.compress(gzip.compress(f.read()))
    r = run(REPLAY, "summary", "-", stdin=twice)
    assert r.returncode == 1 and b"packed twice, inside with gzip" in r.stderr, r


@case("D26: a segment of 250 kB full of the shortest messages")
def _():
    m = framed(struct.pack("!6H", 1, 0x0100, 0, 0, 0, 0))
    p = Pcap(path("d26"))
    for t, c, seq, data, flags in ((0, True, 100, b"", 2), (MS, True, 101, m * 17000, 0x18)):
        p.put(t, eth(ip4(POD, VIP, 6, tcp(40000, 53, seq, data, flags), total=0)))
    r = run(REPLAY, "summary", p.close())
    assert b"DNS messages                      17000" in r.stdout, r.stdout.decode()


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
    s = summary(f, args=["--memory", "6000000"])
    expect(s["metrics"], queries__sent=40000)
    assert s["metrics"]["names.distinct"] > 3000 and s["clients"][0]["queries"] == 40000, s["metrics"]  # open questions leave the tables their share


@case("a pipe that gives a capture octet by octet, plain or packed, is read as the file is")
def _():
    p = Pcap(path("dribble"))
    for i in range(3):
        pair(p, i * MS, i, "a%d.example" % i, port=40000 + i)
    whole = open(p.close(), "rb").read()
    want = metrics(path("dribble"))
    for octets in (whole, gzip.compress(whole)):
        r = subprocess.Popen([REPLAY, "summary", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        for i in range(len(octets)):
            r.stdin.write(octets[i:i + 1])
        r.stdin.close()
        out = r.stdout.read()
        assert r.wait() == 0 and json.loads(out)["metrics"] == want, out
        r.stdout.close()
    cut = run(REPLAY, "summary", "-", stdin=whole[:-5])
    assert cut.returncode == 1 and b"cut short" in cut.stderr, cut
    assert run(REPLAY, "summary", "-", stdin=whole[:2]).returncode == 1
