# SPDX-License-Identifier: Apache-2.0
"""A pod with a connection that is owed an answer while rules lapse: tcpowed.py SERVER DELAY_MS

Asks over TCP for what takes DELAY_MS, says "asked", and when the answer has come asks once
more over the same connection. Prints who answered: "owed=WHO then=WHO".
"""
import re
import socket
import struct
import sys

PATIENCE_S = 8
server, delay_ms = sys.argv[1], int(sys.argv[2])


def ask(s, *labels):
    name = b"".join(bytes([len(x)]) + x.encode() for x in (*labels, "test"))
    q = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + name + b"\0\0\x10\0\1"
    s.sendall(struct.pack("!H", len(q)) + q)


def who(f):
    b = f.read(struct.unpack("!H", f.read(2))[0])
    by = re.search(rb"by=([a-z]+)", b)
    return by.group(1).decode() if by else "?"


said = []
try:
    s = socket.create_connection((server, 53), PATIENCE_S)
    f = s.makefile("rb")
    ask(s, "delay-%d" % delay_ms, "owed")
    print("asked", flush=True)
    said.append("owed=" + who(f))
    ask(s, "then")
    said.append("then=" + who(f))
except (OSError, struct.error) as e:
    said.append(type(e).__name__)
print(" ".join(said))
