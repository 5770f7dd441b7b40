# SPDX-License-Identifier: Apache-2.0
"""A server of a known capacity: answers the first N questions of each second's share, by the kernel's stamp of their
arrival, and drops what comes faster.

    capacity.py ADDRESS PORT N [DEPTH]       DEPTH: as many may come at once (default N / 50)"""
import socket
import struct
import sys

SO_TIMESTAMPNS = 35
address, port, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
depth = float(sys.argv[4]) if len(sys.argv) > 4 else rate / 50
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind((address, port))
print("ready", flush=True)
tokens, last = depth, 0.0
while True:
    query, control, _, peer = s.recvmsg(4096, 128)
    sec, ns = struct.unpack("qq", control[0][2][:16])
    now = sec + ns / 1e9
    tokens = min(depth, tokens + max(0.0, now - last) * rate)
    last = max(last, now)
    if tokens < 1:
        continue
    tokens -= 1
    s.sendto(query[:2] + bytes([query[2] | 0x80]) + query[3:], peer)
