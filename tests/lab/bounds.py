#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers of the suite `bounds`.
   bounds.py counts ADDRESS PORT N          as a client: N messages, UDP and TCP, whose counts promise what is not there
   bounds.py plain ADDRESS PORT N           the same number of messages without that: the control
   bounds.py upstream ADDRESS PORT          answers every question with such counts; "ready"; name probes (HINFO) go to stdout
   bounds.py flush ADDRESS PORT N           as a client: whatever might make a cache forget
   bounds.py hinfo ADDRESS PORT N NAME...   as a client: HINFO for names, and for N made up like them"""
import random
import socket
import struct
import sys
import threading

mode, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
rest = sys.argv[4:]
draw = random.Random(7)


def wire(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.rstrip(".").split(".") if p) + b"\0"


def query(name, qtype=1, qclass=1, flags=0x0100, counts=(1, 0, 0, 0), more=b""):
    return struct.pack("!6H", draw.getrandbits(16), flags, *counts) + wire(name) + struct.pack("!HH", qtype, qclass) + more


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def send_all(messages):
    udp.connect((address, port))
    udp.settimeout(0.2)
    for i, m in enumerate(messages):
        udp.send(m)
        if i % 16 == 15:  # at the pace of the answers
            try:
                udp.recv(65535)
            except OSError:
                pass
    for i in range(0, len(messages), 200):
        with socket.create_connection((address, port)) as t:
            t.settimeout(1)
            try:
                t.sendall(b"".join(struct.pack("!H", len(m)) + m for m in messages[i:i + 200]))
                t.recv(65535)
            except OSError:
                pass


def counted():
    """65,535 in each place, in all combinations, over nothing, a question, and octets."""
    which = [tuple(65535 if k >> i & 1 else d for i, d in enumerate((1, 0, 0, 0))) for k in range(1, 16)]
    return query("x%d.test" % draw.randrange(1000), draw.choice((1, 28, 16)), counts=draw.choice(which),
                 more=draw.choice((b"", draw.randbytes(40), b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2\3\4" * 20)))


def upstream():
    def answer(q):
        end = 12
        while q[end]:
            end += 1 + q[end]
        question = q[12:end + 5]
        if question[-4:-2] == b"\0\r":  # HINFO
            labels, at = [], 0
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode())
                at += 1 + question[at]
            print(".".join(labels) + ".", flush=True)
        return q[:2] + b"\x81\x80" + struct.pack("!4H", 1, *(draw.choice((0, 1, 65535)) for _ in range(3))) + question + \
            draw.choice((b"", draw.randbytes(30), b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2\3\4"))

    def stream(c):
        try:
            while (head := c.recv(2, socket.MSG_WAITALL)):
                a = answer(c.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL))
                c.sendall(struct.pack("!H", len(a)) + a)
        except (OSError, struct.error):
            pass

    def listen():
        while True:
            threading.Thread(target=stream, args=(tcp.accept()[0],), daemon=True).start()

    tcp = socket.create_server((address, port))
    udp.bind((address, port))
    threading.Thread(target=listen, daemon=True).start()
    print("ready", flush=True)
    while True:
        q, peer = udp.recvfrom(4096)
        udp.sendto(answer(q), peer)


def flushing(n):
    kinds = []
    for i in range(n):
        name = "%x.%s" % (draw.getrandbits(64), draw.choice(("test", "nx.test", "rcode-SERVFAIL.test", "torn.test", "nodata.test")))
        kinds.append(query(name, draw.choice((1, 28, 16, 65, 255))))
    for opcode in range(16):  # NOTIFY, UPDATE, ...
        for name in ("kept.test", "test", ""):
            kinds.append(query(name, 6, flags=opcode << 11))
            kinds.append(query(name, 16, flags=opcode << 11 | 0x0500))
    for name in ("kept.test", "flush.test", "flush", "reload.bind", "flush.cache", "test", ""):
        for qclass in (1, 3, 4, 254, 255):
            for qtype in (1, 6, 16, 250, 251, 252, 255):
                kinds.append(query(name, qtype, qclass))
    kinds += [m[:draw.randrange(len(m))] for m in kinds[:500]]
    draw.shuffle(kinds)
    return kinds


if mode == "counts":
    send_all([counted() for _ in range(int(rest[0]))])
elif mode == "plain":
    send_all([query("x%d.test" % draw.randrange(1000)) for _ in range(int(rest[0]))])
elif mode == "flush":
    send_all(flushing(int(rest[0])))
elif mode == "hinfo":
    made_up = ["%016d.%016d.%s" % (draw.randrange(10**16), draw.randrange(10**16), ".".join(rest[1].rstrip(".").split(".")[2:]))
               for _ in range(int(rest[0]))]
    send_all([query(n, 13) for n in rest[1:] * 3 + made_up])
else:
    upstream()
