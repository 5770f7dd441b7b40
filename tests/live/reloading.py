# SPDX-License-Identifier: Apache-2.0
"""Reloads at random under load, and whether each answer is one that could be given: reloading.py
ADDRESS PORT OTHER_PORT UPSTREAM_ONE UPSTREAM_TWO COREFILE LOG PID SEED CHANGES

Clients over UDP and TCP ask without end while the Corefile changes between a handful of configurations,
two of them broken. Each question has a name of its own, so that no cache answers it, and what it says
tells which configuration was asked: the upstream, or the number of a template; f.test is the first
one's in all of them, whose blocks, listeners and upstreams have other places each time. The daemon's log says from
when on a configuration is the only one; until then the one before may answer, and each that was written
since. PORT is listened at by all of them, and everything there must be answered; at OTHER_PORT a question may
be lost when a configuration without it could be served. Prints the seed, and a TAP line each.
"""
import asyncio
import collections
import os
import random
import re
import signal
import socket
import struct
import sys

server, port, other, one, two, corefile, log_path, pid, seed, n_changes = sys.argv[1:11]
port, other, pid, seed, n_changes = int(port), int(other), int(pid), int(seed), int(n_changes)
upstreams = {"one": one, "two": two}
PATIENCE_S = 20  # of a machine that stands still
CLIENTS = {"udp": 6, "tcp": 3, "stay": 3}
EACH = (20, 1000)  # questions from one change to the next

# who is asked for all and for z.test (None: the same), and whether there are a template, a second port, a cache
Conf = collections.namedtuple("Conf", "root z template second cache")
CONFS = [
    Conf("one", "two", True, True, False),
    Conf("two", None, False, False, False),
    Conf("two", "one", True, False, True),
    Conf("one", "one", False, True, True),
    Conf("two", "two", True, True, True),
    Conf("one", None, False, False, True),
    Conf("two", "one", True, True, False),  # the last, and only that
]
LAST = len(CONFS) - 1


def block(zone, at, who, c, extra=""):
    cache = " cache 30\n" if c.cache else ""
    return "%s:%d {\n bind %s\n errors\n%s%s forward . %s:%d {\n  force_tcp\n }\n}\n" % (zone, at, server, cache, extra, upstreams[who], port)


def text_of(number):
    c, blocks = CONFS[number], []
    for at in [port] + [other] * c.second:
        answer = ' template IN TXT t.test {\n  answer "{{ .Name }} 0 IN TXT by=t%dat%d"\n }\n' % (number, at) if c.template else ""
        blocks.append(block(".", at, c.root, c, answer))
        if c.z:
            blocks.append(block("z.test", at, c.z, c))
        blocks.insert(number % 3, block("f.test", at, "one", c))
    return "".join(blocks[:: -1 if number % 2 else 1])


BROKEN = [".:%d {\n bind %s\n forward .\n}\n" % (port, server), ".:%d {\n bind %s\n forward . tls://%s {\n  tls /nowhere/a /nowhere/b /nowhere/c\n }\n}\n" % (port, server, one)]


def said_by(number, at, zone):
    """What configuration `number` says of a name in that zone, at that port."""
    c = CONFS[number]
    if zone == "f":
        return "one"
    if zone == "t":
        return "t%dat%d" % (number, at) if c.template else c.root
    return (c.z if zone == "z" else None) or c.root


class Timeline:
    """Which configurations may answer, and could since when."""

    def __init__(self):
        self.log = open(log_path, encoding="utf-8", errors="replace")
        self.digest, self.written, self.now, self.sets, self.n_said, self.seen = {}, [], None, [frozenset()], 0, ""

    def note(self):
        possible = frozenset(self.written + ([self.now] if self.now is not None else []))
        if possible != self.sets[-1]:
            self.sets.append(possible)

    def look(self):
        while line := self.log.readline():
            m = re.search("Running configuration SHA256 = ([0-9a-f]+)", line)
            if not m:
                continue
            self.n_said, self.seen = self.n_said + 1, m.group(1)
            if m.group(1) in self.digest:
                self.now = self.digest[m.group(1)]
                if self.now in self.written:
                    del self.written[:self.written.index(self.now) + 1]
                self.note()

    def write(self, text, number=None):
        if number is not None:
            self.written.append(number)
            self.note()
        with open(corefile + ".next", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(corefile + ".next", corefile)

    def since(self, begin):
        return frozenset().union(*self.sets[begin:])


line = Timeline()
dice = random.Random(seed)
faults, n_asked, n_lost_other, n_parts = [], 0, 0, 0
over = False


class Datagram(asyncio.DatagramProtocol):
    def __init__(self):
        self.got = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, addr):
        if not self.got.done():
            self.got.set_result(data)

    def error_received(self, exc):
        if not self.got.done():
            self.got.set_exception(exc)


def question():
    """Its id, its zone and itself; some take their time."""
    global n_asked
    n_asked += 1
    zone = dice.choice("tzfa")
    labels = ["u%d" % n_asked] + (["delay-%d" % dice.randrange(1, 120)] if dice.random() < 0.3 else []) + [zone, "test"]
    name = b"".join(bytes([len(x)]) + x.encode() for x in labels)
    return n_asked & 0xFFFF, zone, struct.pack("!6H", n_asked & 0xFFFF, 0x100, 1, 0, 0, 0) + name + b"\0\0\x10\0\1"


def judge(what, at, n, zone, begin, got):
    """`got`: the answer, or how there was none."""
    global n_lost_other
    line.look()
    could = line.since(begin)
    may_go = at == other and any(not CONFS[k].second for k in could)
    if isinstance(got, bytes) and len(got) > 12 and struct.unpack("!H", got[:2])[0] == n and got[3] & 15 == 0:
        by = re.search(rb"by=([a-z0-9]+)", got)
        said = by.group(1).decode() if by else "nothing"
        if said not in {said_by(k, at, zone) for k in could if at == port or CONFS[k].second}:
            faults.append("%s, %s.test: %s answers, configurations %s could" % (what, zone, said, sorted(could)))
    elif may_go:
        n_lost_other += 1
    else:
        how = "rcode %d" % (got[3] & 15) if isinstance(got, bytes) and len(got) > 3 else got
        faults.append("%s, %s.test: %s, where configurations %s could be served" % (what, zone, how, sorted(could)))


async def ask_udp(at):
    n, zone, q = question()
    line.look()
    begin = len(line.sets) - 1
    transport, d = await asyncio.get_running_loop().create_datagram_endpoint(Datagram, remote_addr=(server, at))
    transport.sendto(q)
    try:
        got = await asyncio.wait_for(d.got, PATIENCE_S if at == port else 2)
    except (OSError, asyncio.TimeoutError) as e:
        got = type(e).__name__
    transport.close()
    judge("udp %d" % at, at, n, zone, begin, got)


async def ask_tcp(at, stream, many):
    """`many` questions at once on a connection; answers come in any order. The stream, or None: it has ended."""
    line.look()
    begin = len(line.sets) - 1
    asked, how = {}, None
    try:
        r, w = stream or await asyncio.wait_for(asyncio.open_connection(server, at), PATIENCE_S)
        for _ in range(many):
            n, zone, q = question()
            asked[n] = zone
            w.write(struct.pack("!H", len(q)) + q)
        while asked:
            size = struct.unpack("!H", await asyncio.wait_for(r.readexactly(2), PATIENCE_S))[0]
            got = await asyncio.wait_for(r.readexactly(size), PATIENCE_S)
            n = struct.unpack("!H", got[:2])[0]
            judge("tcp %d" % at, at, n, asked.pop(n, "nobody's"), begin, got)
        return r, w
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as e:
        how = type(e).__name__
    for n, zone in asked.items() or {0: "a"}.items():
        judge("tcp %d" % at, at, n, zone, begin, how)
    return None


async def client(kind, at):
    stream = None
    while not over:
        if kind == "udp":
            await ask_udp(at)
            await asyncio.sleep(0.02 if at == other else 0)  # nobody may be there
            continue
        stream = await ask_tcp(at, stream, dice.randrange(1, 6))
        if stream and kind == "tcp":
            stream[1].close()
            stream = None
        if not stream and at == other:
            await asyncio.sleep(0.02)
    if stream:
        stream[1].close()


async def until(condition):
    for _ in range(PATIENCE_S * 100):
        line.look()
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


async def learn():
    """Each configuration's digest."""
    for k in reversed(range(len(CONFS))):
        before = line.n_said
        line.write(text_of(k), k)
        os.kill(pid, signal.SIGUSR1)
        if not await until(lambda: line.n_said > before):
            return False
        line.digest[line.seen] = line.now = k
        line.written.clear()
        line.note()
    return len(line.digest) == len(CONFS)


async def change():
    for _ in range(n_changes):
        next_at = n_asked + dice.randrange(*EACH)
        if not await until(lambda: n_asked >= next_at or faults):
            break
        k = dice.randrange(len(CONFS))
        if k == LAST:
            line.write(dice.choice(BROKEN))
        else:
            line.write(text_of(k), k)
        if dice.random() < 0.5:
            os.kill(pid, signal.SIGUSR1)
        if faults:
            break


async def main():
    global over
    print("# seed %d" % seed, flush=True)
    line.look()
    learned = await learn()
    print("%s - each configuration is served, one after the other" % ("ok" if learned else "not ok"))
    clients = [asyncio.ensure_future(client(kind, at)) for kind, n in CLIENTS.items() for i in range(n) for at in ([port, other] if i == 0 else [port])]
    before = len(line.sets)
    await change()
    line.write(text_of(LAST), LAST)
    os.kill(pid, signal.SIGUSR1)
    served = await until(lambda: line.now == LAST)
    over = True
    await asyncio.gather(*clients)
    print("%s - the last one is served" % ("ok" if served else "not ok"))
    print("%s - every question is answered, by a configuration of before or after it" % ("not ok" if faults else "ok"))
    for f in faults[:10]:
        print("# " + f)
    print("# %d questions, %d times others could answer than before, %d lost where no listener needs to be" % (n_asked, len(line.sets) - before, n_lost_other))


asyncio.run(main())
