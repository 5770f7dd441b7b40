# SPDX-License-Identifier: Apache-2.0
"""What is one query, a copy of it, another sending, an answer; and who asks."""
import os
import struct

from pcap_case import *


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


@case("D11: answers without a question section belong to their tuple and id")
def _():
    p = Pcap(path("d11"))
    p.put(0, eth(dns(POD, 40000, VIP, 53, query(1, "a.example"))))
    p.put(MS, eth(dns(VIP, 53, POD, 40000, answer(1, "a.example", rcode=1, question=False))))
    s = summary(p.close())
    expect(s["metrics"], answers__total=1, queries__unanswered=0)
    assert s["rcodes"] == {"FORMERR": 1}


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


@case("two captures of one time are two places: one query, two views")
def _():
    files = []
    for k in range(2):
        p = Pcap(path("place%d" % k))
        pair(p, k * 5000, 1, "a.example", wrap=eth, ident=9)
        pair(p, k * 5000 + 10 * MS, 2, "b.example", ident=19)
        files.append(p.close())
    expect(metrics(*files), queries__sent=2, answers__total=2, capture__hops=2)


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


@case("a clock that jumps by decades, there and back, as long as it likes: time goes on, and its stream is one")
def _():
    p = Pcap(path("decades"))
    for i, t in enumerate((1, 4294967295, 5, 2000000000, 3, 4294967294, 0, 4294967290, 7, 4294967291)):
        p.put(t * S, eth(dns(POD, 40000 + i, VIP, 53, query(i, "a%d.example" % i), i + 1)), absolute=True)
    qs, got = stream(p.close())
    t = [int(r["t_ns"]) for r in got]
    assert len(t) == 10 and t == sorted(t) and t[-1] < 2**63, t
    assert "10 queries tracked" in model(qs)
    p = Pcapng(path("decades2"))  # the same by an offset of the interface
    p.block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHq", 14, 8, 2**62) + bytes(4))
    p.block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHq", 14, 8, -2**62) + bytes(4))
    for i in range(6):
        p.packet(i % 2, i, eth(dns(POD, 40000 + i, VIP, 53, query(i, "a%d.example" % i), i + 1)))
    qs, got = stream(p.close())
    assert len(got) == 6 and "6 queries tracked" in model(qs), got


@case("a hundred thousand sendings of one question, and as many tuples of one packet: counted, and no list of them is kept")
def _():
    frame = bytearray(eth(dns(POD, 40000, VIP, 53, query(1, "a.example"), 1)))
    for name_, at, want in (("hammered", 18, {"queries.sent": 100000, "queries.retried": 99999}), ("mirrored", 28, {"queries.sent": 1, "capture.hops": 63})):
        p = Pcap(path(name_))
        for i in range(100000):  # another IPv4 identification; or another client, with the same
            frame[at:at + 2] = struct.pack("!H", i % 65535 + 1)
            if at == 28:
                frame[26:28] = struct.pack("!H", 0x0a00 + i // 65535)
            p.put(i * 100 * (1 if at == 28 else 100), bytes(frame))
        got = metrics(p.close())
        assert {k: got[k] for k in want} == want, {k: got[k] for k in want}


@case("NOTIFY is no query for SOA")
def _():
    p = Pcap(path("notify"))
    p.put(0, eth(dns(POD, 40000, VIP, 53, query(1, "zone.example", "SOA", flags=0x2400))))
    expect(metrics(p.close()), queries__sent=0)
