# SPDX-License-Identifier: Apache-2.0
# Entries of the connection table of this namespace, by netlink, without a packet: N UDP flows of 10.0.0.0/8 to 10.255.0.1:53
# that live TIMEOUT seconds. assured: which no new flow may evict; else unreplied ones. clash: one of TCP
# alone, whose reply is that of a connection from 127.0.0.1:N to port 5353, which therefore cannot be.
#   fill_table.py assured|evictable|clash N TIMEOUT
import socket
import struct
import sys

kind, n, timeout = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SEEN_REPLY, ASSURED, CONFIRMED = 2, 4, 8
NESTED = 0x8000
status = CONFIRMED | (SEEN_REPLY | ASSURED if kind == "assured" else 0)


def attr(type, data):
    return struct.pack("=HH", len(data) + 4, type) + data + b"\0" * (-len(data) % 4)


def tuple_of(type, src, sport, dst, dport, proto=b"\x11"):
    return attr(type | NESTED, attr(1 | NESTED, attr(1, src) + attr(2, dst)) +
                attr(2 | NESTED, attr(1, proto) + attr(2, struct.pack(">H", sport)) + attr(3, struct.pack(">H", dport))))


def message(client, port):
    server = socket.inet_aton("10.255.0.1")
    return made(tuple_of(1, client, port, server, 53) + tuple_of(2, server, 53, client, port))


def made(tuples):
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + tuples + attr(3, struct.pack(">I", status)) + attr(7, struct.pack(">I", timeout))
    return struct.pack("=IHHII", len(body) + 16, 1 << 8, 0x1 | 0x400 | 0x200, 0, 0) + body


s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
if kind == "clash":
    a, b, here = socket.inet_aton("10.1.0.1"), socket.inet_aton("10.1.0.2"), socket.inet_aton("127.0.0.1")
    s.send(made(tuple_of(1, a, 1000, b, 1000, b"\x06") + tuple_of(2, here, 5353, here, n, b"\x06")))
    sys.exit(0)
batch = []
for i in range(n):
    batch.append(message(struct.pack(">I", 0x0A000000 + i // 50000 + 1), 10000 + i % 50000))
    if len(batch) == 200 or i == n - 1:
        s.send(b"".join(batch))
        batch = []
