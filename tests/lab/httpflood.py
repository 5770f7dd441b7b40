#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a pod can do to a port that speaks HTTP.
   httpflood.py hold   ADDRESS PORT COUNT FROM...   COUNT connections that say nothing, renewed as they end
   httpflood.py scrape ADDRESS PORT COUNT FROM...   COUNT connections that ask for /metrics without pause, many at once
Prints "ready" when all have been opened once; at SIGTERM how often they were opened and what was read."""
import select
import signal
import socket
import sys

mode, address, port, count, sources = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]
request = b"GET /metrics HTTP/1.1\r\n\r\n" * 300
opened = octets = 0
running = True


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)


def connect(i):
    global opened
    s = socket.socket()
    s.bind((sources[i % len(sources)], 0))
    s.settimeout(2)
    s.connect((address, port))
    s.setblocking(False)
    opened += 1
    return s


poll = select.epoll()
wanted = select.EPOLLIN | (select.EPOLLOUT if mode == "scrape" else 0)
conns = {}


def renew(i):
    try:
        s = connect(i)
    except OSError:
        return
    conns[s.fileno()] = (s, i)
    poll.register(s, wanted)


for i in range(count):
    renew(i)
print("ready", flush=True)
while running:
    for fd, ev in poll.poll(0.2):
        s, i = conns[fd]
        try:
            if ev & select.EPOLLOUT:
                s.send(request)
            if ev & ~select.EPOLLOUT:
                data = s.recv(1 << 18)
                octets += len(data)
                if not data:
                    raise ConnectionError
        except BlockingIOError:
            pass
        except OSError:
            poll.unregister(fd)
            del conns[fd]
            s.close()
            renew(i)
    missing = set(range(count)) - {i for _, i in conns.values()} if len(conns) < count else ()
    for i in missing:
        renew(i)
print("opened %d, read %d KiB" % (opened, octets >> 10))
