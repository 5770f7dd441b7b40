# SPDX-License-Identifier: Apache-2.0
"""A pod's questions that wait, told what to do a word a line: waiting.py SERVER PATIENCE

    open N [FIRST_PORT]  N connections over TCP, from these ports on
    ask LABEL            one question, LABEL.wN.test, on each connection that has not asked yet
    udp N LABEL          N questions over UDP, each asked once
    end                  waits for all that was asked, PATIENCE seconds at most; then says
                         "A answered, E ended, S silent" of TCP, with the longest time, and "U of N over UDP"

Each command says "done" when it is. Who has neither an answer nor an end in time is silent.
"""
import asyncio
import collections
import socket
import struct
import sys
import time

server, patience_s = sys.argv[1], float(sys.argv[2])
family = socket.AF_INET6 if ":" in server else socket.AF_INET
loop = asyncio.new_event_loop()
idle, tasks, n_asked = [], [], 0
longest_s = 0.0


def query(i, label):
    name = b"".join(bytes([len(x)]) + x for x in (label.encode(), b"w%d" % i, b"test")) + b"\0"
    return struct.pack("!6H", i, 0x100, 1, 0, 0, 0) + name + b"\0\x10\0\1"


async def tcp_one(s, q):
    global longest_s
    begin = time.monotonic()
    try:
        await loop.sock_sendall(s, struct.pack("!H", len(q)) + q)
        got = await asyncio.wait_for(loop.sock_recv(s, 4096), patience_s)
        how = "answered" if got[2:4] == q[:2] else "ended"
    except asyncio.TimeoutError:
        how = "silent from port %d" % s.getsockname()[1]
    except OSError:
        how = "ended"
    longest_s = max(longest_s, time.monotonic() - begin)
    s.close()
    return how


async def udp_one(q):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect((server, 53))
    s.send(q)
    try:
        got = await asyncio.wait_for(loop.sock_recv(s, 4096), patience_s)
        return "udp" if got[:2] == q[:2] else "no udp"
    except (asyncio.TimeoutError, OSError):
        return "no udp"
    finally:
        s.close()


async def opened(port):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setblocking(False)
    if port:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", port))
    await loop.sock_connect(s, (server, 53))
    idle.append(s)


async def command(word, args):
    global n_asked
    if word == "open":
        first = int(args[1]) if len(args) > 1 else 0
        await asyncio.gather(*(opened(first and first + i) for i in range(int(args[0]))))
    for s in idle if word == "ask" else ():
        n_asked += 1
        tasks.append(loop.create_task(tcp_one(s, query(n_asked, args[0]))))
    for _ in range(int(args[0])) if word == "udp" else ():
        n_asked += 1
        tasks.append(loop.create_task(udp_one(query(n_asked, args[1]))))
    if word == "ask":
        idle.clear()
    await asyncio.sleep(0)
    if word == "end":
        how = collections.Counter(await asyncio.gather(*tasks))
        silent = [h for h in how if h.startswith("silent")]
        print("%d answered, %d ended, %d silent, %d of %d over UDP; %.1f s" %
              (how["answered"], how["ended"], len(silent), how["udp"], how["udp"] + how["no udp"], longest_s), *silent[:3])


async def main():
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).split():
        await command(line[0].decode(), [a.decode() for a in line[1:]])
        print("done", flush=True)


loop.run_until_complete(main())
