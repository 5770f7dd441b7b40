# SPDX-License-Identifier: Apache-2.0
"""A pod that is owed an answer while its server goes: dnsowed.py SERVER

Two sockets that stay, each with a question whose answer takes a while. Says "asked",
waits for a line, which means that the server was told to end, and goes on: `busy` asks
something else at once, `quiet` waits. Then both must get what they are owed, and an
answer to one question more. Prints who answered: "busy: now=WHO owed=WHO then=WHO".
"""
import re
import socket
import struct
import sys

DELAY_MS, PATIENCE_S = 1000, 8


class Asker:
    def __init__(self, server, name):
        self.name, self.n, self.early = name, 0, {}
        self.s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        self.s.settimeout(PATIENCE_S)
        self.s.connect((server, 53))

    def send(self, *labels):
        self.n += 1
        name = b"".join(bytes([len(x)]) + x.encode() for x in (*labels, "%s%d" % (self.name, self.n), "test"))
        self.s.send(struct.pack("!6H", self.n, 0x100, 1, 0, 0, 0) + name + b"\0\0\x10\0\1")
        return self.n

    def who(self, n):
        while n not in self.early:
            try:
                b = self.s.recv(4096)
            except OSError as e:
                return type(e).__name__
            by = re.search(rb"by=([a-z]+)", b)
            self.early[struct.unpack("!H", b[:2])[0]] = by.group(1).decode() if by else "?"
        return self.early[n]


askers = [Asker(sys.argv[1], "busy"), Asker(sys.argv[1], "quiet")]
owed = [a.send("delay-%d" % DELAY_MS) for a in askers]
print("asked", flush=True)
sys.stdin.readline()
now = [askers[0].who(askers[0].send()), "-"]
got = [a.who(n) for a, n in zip(askers, owed)]
then = [a.who(a.send()) for a in askers]
print("; ".join("%s: now=%s owed=%s then=%s" % (a.name, *w) for a, *w in zip(askers, now, got, then)))
