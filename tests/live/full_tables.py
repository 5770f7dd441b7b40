#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# full_tables.py ADDRESS PORT PREFIX: clients fill both tables of a cache with names that
# nobody answers, until places are given up for newcomers that are refused all the
# same. Each reply must be its client's: of a name and an id that it has asked.
import random, socket, struct, sys, time

address, port, prefix = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tag = "%x" % random.getrandbits(32)


class Client:
    def __init__(self, host):
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.s.bind((host, 0))
        self.s.connect((address, port))
        self.s.setblocking(False)
        self.asked, self.replies, self.foreign, self.n = set(), 0, 0, 0

    def ask(self, name):
        question = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0\0\1\0\1"
        self.n += 1
        head = struct.pack(">HHHHHH", self.n & 0xffff, 0x100, 1, 0, 0, 0)
        self.asked.add(head[:2] + question)
        try:
            self.s.send(head + question)
        except OSError:
            pass
        self.read()

    def read(self):
        while True:
            try:
                b = self.s.recv(65535)
            except OSError:
                return
            self.replies += 1
            end = b.find(b"\0\0\1\0\1", 12) + 5
            if len(b) < 17 or b[:2] + b[12:end] not in self.asked:
                self.foreign += 1


def paced(n):
    if n % 64 == 63:
        time.sleep(0.002)  # the socket's buffer: not what is being tested


# Five hold all questions; others make many wait for a single name, and one more name of
# theirs then takes a place from those, and is refused: they hold too many waiters.
most = [Client(prefix + ".%d" % (51 + i)) for i in range(5)]
several = [Client(prefix + ".%d" % (60 + i)) for i in range(11)]
few = [Client(prefix[:prefix.rindex(".")] + ".%d.%d" % (251 + i // 100, i % 100 + 1)) for i in range(200)]
for i in range(4096):
    most[i % 5].ask("m%d-%s.drop.test" % (i, tag))
    paced(i)
for i in range(980 * 11):
    several[i % 11].ask("same-%s.drop.test" % tag)
    paced(i)
for i in range(200):
    few[i].ask("f%d-%s.drop.test" % (i, tag))
    paced(i)
for i in range(600):
    several[i % 11].ask("z%d-%s.%s.drop.test" % (i, tag, "x" * 40))
    few[i % 200].ask("f%d-%s.drop.test" % (i, tag))
    paced(i)
end = time.time() + 7
clients = most + several + few
while time.time() < end and any(c.replies < c.n for c in clients):
    for c in clients:
        c.read()
    time.sleep(0.01)
asked = sum(c.n for c in clients)
replies = sum(c.replies for c in clients)
print("%s full-tables: each reply is its client's (%d foreign of %d)" %
      ("ok" if not any(c.foreign for c in clients) else "not ok", sum(c.foreign for c in clients), replies))
print("%s full-tables: nobody gets more replies than queries" %
      ("ok" if all(c.replies <= c.n for c in clients) else "not ok"))
print("%s full-tables: nearly all have one (%d of %d)" %
      ("ok" if replies * 10 > asked * 9 else "not ok", replies, asked))
