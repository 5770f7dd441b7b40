# SPDX-License-Identifier: Apache-2.0
"""Captures made octet by octet: what tests need that no public capture has.

Layers are functions from octets to octets; Pcap and Pcapng write files."""
import ipaddress
import struct

QTYPES = {"A": 1, "AAAA": 28, "SOA": 6, "TXT": 16}


def name(text):
    return b"".join(bytes([len(l)]) + l.encode() for l in text.strip(".").split(".") if l) + b"\0"


def query(qid, qname, qtype="A", flags=0x0100, extra=b"", n_ar=0):
    return struct.pack("!6H", qid, flags, 1, 0, 0, n_ar) + name(qname) + struct.pack("!2H", QTYPES[qtype], 1) + extra


def answer(qid, qname, qtype="A", rcode=0, n=1, flags=0x8180, question=True, pad=0):
    body = name(qname) + struct.pack("!2H", QTYPES[qtype], 1) if question else b""
    rr = b"\xc0\x0c" + struct.pack("!2HIH", QTYPES[qtype], 1, 30, 4 if qtype == "A" else 16) + bytes(4 if qtype == "A" else 16)
    txt = b""
    if pad:  # one TXT record of that many octets, to need fragments
        rdata = b"".join(b"\xff" + bytes(255) for _ in range(pad // 256))
        txt = b"\xc0\x0c" + struct.pack("!2HIH", 16, 1, 30, len(rdata)) + rdata
    n = n if rcode == 0 else 0
    return struct.pack("!6H", qid, flags | rcode, 1 if question else 0, n + (1 if pad else 0), 0, 0) + body + rr * n + txt


def packed(address):
    return ipaddress.ip_address(address).packed


def ip4(src, dst, proto, payload, ident=0, frag=0, ttl=64, total=None):
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload) if total is None else total, ident, frag, ttl, proto, 0) \
        + packed(src) + packed(dst) + payload


def ip6(src, dst, nxt, payload):
    return struct.pack("!IHBB", 0x60000000, len(payload), nxt, 64) + packed(src) + packed(dst) + payload


def udp(sport, dport, payload):
    return struct.pack("!4H", sport, dport, 8 + len(payload), 0) + payload


def tcp(sport, dport, seq, payload=b"", flags=0x18, ack=0):
    return struct.pack("!2H2I4H", sport, dport, seq & 0xffffffff, ack & 0xffffffff, 0x5000 | flags, 65535, 0, 0) + payload


def framed(msg):
    return struct.pack("!H", len(msg)) + msg


def dns(src, sport, dst, dport, msg, ident=0):
    ip = ip6 if ":" in src else ip4
    if ip is ip6:
        return ip6(src, dst, 17, udp(sport, dport, msg))
    return ip4(src, dst, 17, udp(sport, dport, msg), ident)


def ethertype(ip):
    return 0x0800 if ip[0] >> 4 == 4 else 0x86dd


def eth(ip, etype=None):
    return bytes(12) + struct.pack("!H", etype or ethertype(ip)) + ip


def sll(ip, direction=0):
    return struct.pack("!HHH", direction, 1, 6) + bytes(8) + struct.pack("!H", ethertype(ip)) + ip


def sll2(ip, iface, direction=0):
    return struct.pack("!HHIHBB", ethertype(ip), 0, iface, 1, direction, 6) + bytes(8) + ip


IN, OUT = 0, 4  # directions of SLL, SLL2


class Pcap:
    """t in nanoseconds since 2026."""
    ZERO = 1767225600 * 10**9

    def __init__(self, path, link=1, snap=None, magic=0xa1b23c4d, version=(2, 4)):
        self.f = open(path, "wb")
        self.path, self.snap = path, snap
        self.f.write(struct.pack("<IHHiIII", magic, *version, 0, 0, 262144, link))

    def put(self, t_ns, frame, length=None, absolute=False):
        t = t_ns if absolute else t_ns + self.ZERO
        cap = frame[:self.snap] if self.snap else frame
        self.f.write(struct.pack("<4I", t // 10**9, t % 10**9, len(cap), length or len(frame)) + cap)

    def close(self):
        self.f.close()
        return self.path


class Pcapng:
    def __init__(self, path, order="<", version=(1, 0)):
        self.f, self.o, self.path = open(path, "wb"), order, path
        self.block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, *version, -1))

    def block(self, kind, body):
        body += bytes(-len(body) % 4)
        n = len(body) + 12
        self.f.write(struct.pack(self.o + "2I", kind, n) + body + struct.pack(self.o + "I", n))

    def iface(self, link=1, tsresol=None, reserved=0):
        options = struct.pack(self.o + "HHB3x", 9, 1, tsresol) + bytes(4) if tsresol is not None else b""
        self.block(1, struct.pack(self.o + "HHI", link, reserved, 0) + options)

    def packet(self, iface, ticks, frame):
        self.block(6, struct.pack(self.o + "5I", iface, ticks >> 32, ticks & 0xffffffff, len(frame), len(frame)) + frame)

    def simple(self, frame):
        self.block(3, struct.pack(self.o + "I", len(frame)) + frame)

    def close(self):
        self.f.close()
        return self.path
