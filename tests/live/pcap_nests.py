# SPDX-License-Identifier: Apache-2.0
"""Captures of what encapsulations make of each other: pcap_nests.py SEED PREFIX

Each datagram of DNS, and each TCP connection, is wrapped in layers drawn at random from those that pcap-replay reads: tags
and labels, sessions, tunnels in tunnels, IP options and extension headers, fragments at any of them, padding. Writes
PREFIX-LINK.pcap for each link type, and PREFIX-LINK.ids with what is in it: a line "id reply" a message, sorted. Every
TCP connection is cut anew into segments: in turn, out of it, twice, overlapping, many messages in one and one over many."""
import random
import struct
import sys

from pcap_make import *

MS = 10**6
LINKS = {"ethernet": 1, "sll": 113, "sll2": 276, "raw": 101, "null": 0, "loop": 108, "nflog": 239, "ppp": 9}


class Nest:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.ident = 0

    def next_ident(self):
        self.ident = self.ident % 65535 + 1
        return self.ident

    # --- IP, perhaps with more before its payload, perhaps in pieces; returns packets ---

    def ip(self, src, dst, proto, payload, whole=False):
        pack = self.ip6 if ":" in src else self.ip4
        if not whole and len(payload) > 200 and self.r.random() < 0.4 or len(payload) > 65000:
            return self.pieces(pack, src, dst, proto, payload)
        return [pack(src, dst, proto, payload, None)]

    def ip4(self, src, dst, proto, payload, piece):
        options = b"\x01\x01\x01\x00" * self.r.choice((0, 0, 0, 1, 5)) if not piece or piece[0] == 0 else b""
        ident, off, more = (piece[2], piece[0] // 8, piece[1]) if piece else (self.next_ident(), 0, False)
        n = 20 + len(options) + len(payload)
        head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, n, ident, (0x2000 if more else 0) | off, 64, proto, 0)
        return head + packed(src) + packed(dst) + options + payload

    def ip6(self, src, dst, proto, payload, piece):
        before, nxt = b"", proto
        if piece:
            before, nxt = struct.pack("!BBHI", proto, 0, piece[0] | piece[1], piece[2]), 44
        for kind in self.r.choice(((), (), (), (0,), (43,), (0, 43), (0, 60, 43)))[::-1]:
            body = b"\x01\x04\0\0\0\0" if kind != 43 else b"\0\0\0\0\0\0"  # PadN; a routing header of which nothing is left
            before, nxt = bytes([nxt, 0]) + body + before, kind
        return struct.pack("!IHBB", 0x60000000, len(before) + len(payload), nxt, 64) + packed(src) + packed(dst) + before + payload

    def pieces(self, pack, src, dst, proto, payload):
        if pack == self.ip6 and self.r.random() < 0.3:  # options that belong to the whole
            payload, proto = bytes([proto, 0, 1, 4, 0, 0, 0, 0]) + payload, 60
        ident, ret, off = self.next_ident(), [], 0
        while off < len(payload):
            n = max(self.r.randrange(8, max(16, min(len(payload), 1400))) // 8 * 8, len(payload) // 40 // 8 * 8 + 8)
            ret.append(pack(src, dst, proto, payload[off:off + n], (off, off + n < len(payload), ident)))
            off += n
        self.r.shuffle(ret)
        if self.r.random() < 0.2:  # one twice, before all are there
            at = self.r.randrange(len(ret))
            ret.insert(at, ret[min(at, len(ret) - 2)]) if len(ret) > 1 else None
        return ret

    # --- one layer around a packet of IP; returns packets of IP ---

    def outer(self):
        return self.r.choice((("192.168.0.5", "192.168.0.6"), ("fd00:1::5", "fd00:1::6")))

    def tunnel(self, ip):
        kind = self.r.choice(("ipip", "gre", "gre", "vxlan", "vxlan", "geneve", "geneve", "gre-teb"))
        src, dst = self.outer()
        if kind == "ipip":
            return self.ip(src, dst, 4 if ip[0] >> 4 == 4 else 41, ip)
        if kind.startswith("gre"):
            inner, etype = (ip, ethertype(ip)) if kind == "gre" else (self.ethernet(ip), 0x6558)
            flags = self.r.choice((0, 0x8000, 0x2000, 0x1000, 0xb000))
            more = struct.pack("!I", 0x12345678) * bin(flags).count("1")
            return self.ip(src, dst, 47, struct.pack("!HH", flags, etype) + more + inner)
        if kind == "vxlan":
            return self.ip(src, dst, 17, udp(40404, 4789, bytes([8, 0, 0, 0, 0, 0, 1, 0]) + self.ethernet(ip)))
        inner, etype = (self.ethernet(ip), 0x6558) if self.r.random() < 0.7 else (ip, ethertype(ip))
        options = b"\0\1\2\0" * self.r.choice((0, 1, 3))
        return self.ip(src, dst, 17, udp(40404, 6081, struct.pack("!BBH", len(options) // 4, 0, etype) + b"\0\0\1\0" + options + inner))

    def tags(self, ip, allow_length):
        """(ethertype, octets)"""
        etype, data = ethertype(ip), ip
        kind = self.r.choice(("", "", "", "mpls", "pppoe", "snap" if allow_length else ""))
        if kind == "mpls":
            labels = self.r.randrange(1, 4)
            etype, data = 0x8847, b"".join(struct.pack("!I", (16 + i) << 12 | (i + 1 == labels) << 8 | 64) for i in range(labels)) + data
        elif kind == "pppoe":
            ppp = struct.pack("!H", 0x21 if etype == 0x0800 else 0x57) + data
            etype, data = 0x8864, struct.pack("!BBHH", 0x11, 0, 1, len(ppp)) + ppp
        elif kind == "snap" and len(ip) + 8 <= 1500:
            return 8 + len(ip), b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", etype) + ip
        for _ in range(self.r.choice((0, 0, 1, 2, 3))):
            etype, data = self.r.choice((0x8100, 0x8100, 0x88a8)), struct.pack("!HH", 11, etype) + data
        return etype, data

    def ethernet(self, ip):
        etype, data = self.tags(ip, True)
        padding = bytes(max(0, 60 - 14 - len(data))) if self.r.random() < 0.5 else b"\xff" * self.r.choice((0, 0, 4))
        return bytes(12) + struct.pack("!H", etype) + data + padding

    # --- what a link type has around it ---

    def frame(self, link, ip):
        if link == "ethernet":
            return self.ethernet(ip)
        if link in ("sll", "sll2"):
            etype, data = self.tags(ip, False)
            if link == "sll":
                return struct.pack("!HHH", 0, 1, 6) + bytes(8) + struct.pack("!H", etype) + data
            return struct.pack("!HHIHBB", etype, 0, 3, 1, 0, 6) + bytes(8) + data
        if link == "raw":
            return ip
        if link in ("null", "loop"):
            family = 2 if ip[0] >> 4 == 4 else 10
            return struct.pack("<I" if link == "null" else "!I", 2 if family == 2 else 30) + ip
        if link == "ppp":
            return (b"\xff\x03" if self.r.random() < 0.5 else b"") + struct.pack("!H", 0x21 if ip[0] >> 4 == 4 else 0x57) + ip

        def tlv(kind, data):
            return struct.pack("<HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
        return bytes([2 if ip[0] >> 4 == 4 else 10, 0, 0, 1]) + tlv(1, bytes(4)) + tlv(4, struct.pack("!I", 3)) + tlv(10, b"prefix\0") + tlv(9, ip)

    def wrapped(self, link, packets):
        """Frames of packets of IP, each in so many tunnels."""
        for _ in range(self.r.choice((0, 1, 1, 2, 3))):
            packets = [outer for ip in packets for outer in self.tunnel(ip)] if sum(map(len, packets)) < 30000 else packets
        return [self.frame(link, ip) for ip in packets]

    # --- TCP ---

    def segments(self, isn, data):
        """(seq, octets) that hold all of `data`, in an order and with repetitions that a network may make."""
        at, ret = 0, []
        while at < len(data):
            n = self.r.choice((1, 7, 40, 300, min(len(data), 60000)))
            back = self.r.randrange(0, min(at, 30) + 1) if self.r.random() < 0.2 else 0  # overlaps what came before
            ret.append((isn + at - back, data[at - back:at + n]))
            if self.r.random() < 0.15:
                ret.append(ret[-1])
            at += n
        for i in range(len(ret) - 1):
            if self.r.random() < 0.15:
                ret[i], ret[i + 1] = ret[i + 1], ret[i]
        return ret


def write(seed, prefix, n=120):
    for link, number in LINKS.items():
        nest = Nest("%s-%s" % (seed, link))
        p, t, ids = Pcap("%s-%s.pcap" % (prefix, link), number), 0, []
        for i in range(n):
            a, b = nest.r.choice((("10.244.1.2", "10.96.0.10"), ("fd00::2", "fd00::a")))
            q = query(2 * i, "n%d.example" % i)
            r = answer(2 * i, "n%d.example" % i, pad=nest.r.choice((0, 0, 256, 1536, 4096, 16384)))
            for src, sport, dst, dport, msg, reply in ((a, 20000 + i, b, 53, q, 0), (b, 53, a, 20000 + i, r, 1)):
                for f in nest.wrapped(link, nest.ip(src, dst, 17, udp(sport, dport, msg))):
                    p.put(t, f)
                    t += 1000
                ids.append("%d %d" % (2 * i, reply))
            t += MS
        for i in range(n // 6):
            a, b = nest.r.choice((("10.244.1.3", "10.96.0.10"), ("fd00::3", "fd00::a")))
            of = [20001 + 2 * (20 * i + k) for k in range(nest.r.randrange(1, 12))]
            sides = []
            for up in (True, False):
                data = b"".join(framed(query(k, "t%d.example" % k) if up else answer(k, "t%d.example" % k, pad=nest.r.choice((0, 256, 8192)))) for k in of)
                isn = nest.r.choice((1000, 0xfffffff0))  # over the end of the numbers
                sides.append([(isn, b"", 2 if up else 0x12)] + [(s, d, 0x18) for s, d in nest.segments(isn + 1, data)])
                ids += ["%d %d" % (k, not up) for k in of]
            for up, side in zip((True, False), sides):
                for seq, data, flags in side:
                    x, y = ((a, 30000 + i), (b, 53)) if up else ((b, 53), (a, 30000 + i))
                    for f in nest.wrapped(link, nest.ip(x[0], y[0], 6, tcp(x[1], y[1], seq, data, flags))):
                        p.put(t, f)
                        t += 1000
            t += MS
        p.close()
        with open("%s-%s.ids" % (prefix, link), "w") as f:
            f.write("".join(line + "\n" for line in sorted(ids)))


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2])
