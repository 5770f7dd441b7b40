#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A DNS server on TCP, or on TLS, that closes connections with questions under way:
closer.py ADDRESS PORT MODE COUNTS [CERT KEY]

  once   at a client's first question of all; afterwards that client is answered
  never  at each question: nothing is ever answered

Prints "ready". At SIGTERM it writes to COUNTS how often the question asked most was read."""
import collections
import signal
import socket
import ssl
import struct
import sys
import threading

ADDRESS, PORT, MODE, COUNTS = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
read, closed, lock = collections.Counter(), set(), threading.Lock()
context = None
if len(sys.argv) > 5:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[5], sys.argv[6])


def whole(conn, n):
    got = b""
    while len(got) < n:
        more = conn.recv(n - len(got))
        if not more:
            raise OSError
        got += more
    return got


def must_close(query):
    """Told from the question, since a client is one captured: its first names an a0 to a19."""
    label = query[13:13 + query[12]]
    with lock:
        read[query] += 1
        if MODE == "never":
            return True
        first = label in {b"a%d" % i for i in range(20)} and label not in closed
        closed.add(label)
        return first


def serve(conn):
    try:
        if context:
            conn = context.wrap_socket(conn, server_side=True)
        while True:
            query = whole(conn, struct.unpack("!H", whole(conn, 2))[0])
            if must_close(query):
                break
            reply = query[:2] + b"\x81\x83" + query[4:]
            conn.sendall(struct.pack("!H", len(reply)) + reply)
    except (OSError, ssl.SSLError):
        pass
    conn.close()


def stop(*_):
    with open(COUNTS, "w") as f:
        f.write("%d\n" % max(read.values(), default=0))
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
signal.alarm(120)  # whatever becomes of the test
server = socket.create_server((ADDRESS, PORT), backlog=64)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
