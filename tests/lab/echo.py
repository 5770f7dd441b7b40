#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Echo on port 53 at the first addresses, then N exchanges with each of the second:
#   echo.py N ADDR,... udp|tcp ADDR,...
# Prints "ADDR answered-from-ADDR-itself" per asked address.
import socket
import sys
import threading

n, serve, proto, ask = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3], sys.argv[4].split(",")


def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def udp_loop(s):
    while True:
        data, peer = s.recvfrom(512)
        s.sendto(data, peer)


def tcp_loop(s):
    while True:
        c, _ = s.accept()
        c.sendall(c.recv(512))
        c.close()


for addr in serve:
    s = socket.socket(family(addr), socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, 53))
    if proto == "tcp":
        s.listen(16)
    threading.Thread(target=tcp_loop if proto == "tcp" else udp_loop, args=(s,), daemon=True).start()

for addr in ask:
    good = 0
    for _ in range(n):
        s = socket.socket(family(addr), socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
        s.settimeout(2)
        try:
            if proto == "tcp":
                s.connect((addr, 53))
                s.sendall(b"x" * 12)
                good += s.recv(512) == b"x" * 12
            else:
                s.sendto(b"x" * 12, (addr, 53))
                good += s.recvfrom(512)[1][0] == addr
        except OSError:
            pass
        s.close()
    print(addr, good)
