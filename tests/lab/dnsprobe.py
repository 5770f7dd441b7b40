# SPDX-License-Identifier: Apache-2.0
"""A pod that asks and asks: dnsprobe.py SERVER OUT [INTERVAL_MS]

One question each interval, each from a socket of its own as stub resolvers do,
until SIGTERM. A line for each, in the order of sending, as soon as it is settled:
milliseconds since the start, milliseconds to the answer or "lost", and what the
answer says of its server (by=NAME).
"""
import re
import select
import signal
import socket
import struct
import sys
import time

LOST_S = 1.0  # a busy machine is late without losing anything
server, path = sys.argv[1:3]
interval = (float(sys.argv[3]) if len(sys.argv) > 3 else 10) / 1000
family = socket.AF_INET6 if ":" in server else socket.AF_INET
question = b"\5probe\4test\0\0\x10\0\1"
stop = False


def on_term(_sig, _frame):
    global stop
    stop = True


signal.signal(signal.SIGTERM, on_term)
out = open(path, "w", buffering=1)
waiting = []  # [id, sent, socket, latency or None, by]
begin = time.monotonic()
next_send, n = begin, 0
while not stop or waiting:
    now = time.monotonic()
    if not stop and now >= next_send:
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setblocking(False)
        n = n % 65535 + 1
        entry = [n, now, s, None, "-"]
        try:
            s.connect((server, 53))
            s.send(struct.pack("!6H", n, 0x100, 1, 0, 0, 0) + question)
        except OSError:
            pass
        waiting.append(entry)
        next_send = max(next_send + interval, now - 5 * interval)
    open_ones = [w for w in waiting if w[3] is None]
    timeout = max(0, next_send - time.monotonic()) if not stop else 0.01
    ready, _, _ = select.select([w[2] for w in open_ones], [], [], min(timeout, 0.05))
    now = time.monotonic()
    for w in open_ones:
        if w[2] in ready:
            try:
                b = w[2].recv(4096)
            except OSError:  # port unreachable: no answer, and said so
                w[3] = "lost"
                continue
            if len(b) > 12 and b[:2] == struct.pack("!H", w[0]) and b[3] & 15 == 0:
                by = re.search(rb"by=([a-z]+)", b)
                w[3], w[4] = "%.1f" % ((now - w[1]) * 1000), by.group(1).decode() if by else "?"
        elif now - w[1] > LOST_S:
            w[3] = "lost"
    while waiting and waiting[0][3] is not None:
        w = waiting.pop(0)
        w[2].close()
        out.write("%.1f %s %s\n" % ((w[1] - begin) * 1000, w[3], w[4]))
