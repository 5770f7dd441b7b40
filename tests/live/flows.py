# SPDX-License-Identifier: Apache-2.0
# N questions over UDP to a server of this program's own at 127.0.0.1:53, each from a new port and
# answered before the next is sent; or N TCP connections to port 5353, closed in order.
#   flows.py udp|tcp N [A_SECOND [FIRST_PORT]]
import socket
import sys
import threading
import time

kind, n = sys.argv[1], int(sys.argv[2])
rate = float(sys.argv[3]) if len(sys.argv) > 3 else 0
first = int(sys.argv[4]) if len(sys.argv) > 4 else 10000


def echo_udp(s):
    while True:
        d, a = s.recvfrom(512)
        s.sendto(d, a)


def echo_tcp(s):
    while True:
        c, _ = s.accept()
        c.recv(16)
        c.close()


if kind == "udp":
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    threading.Thread(target=echo_udp, args=(server,), daemon=True).start()
else:
    server = socket.create_server(("127.0.0.1", 5353))
    threading.Thread(target=echo_tcp, args=(server,), daemon=True).start()

begin = time.monotonic()
for i in range(n):
    if rate:
        time.sleep(max(0, begin + i / rate - time.monotonic()))
    if kind == "udp":
        c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        c.bind(("127.0.0.1", first + i % 20000))
        c.connect(("127.0.0.1", 53))
        c.send(b"x")
        c.recv(16)
    else:
        c = socket.create_connection(("127.0.0.1", 5353))
        c.send(b"x")
        c.recv(16)
        c.shutdown(socket.SHUT_WR)
    c.close()
