# SPDX-License-Identifier: Apache-2.0
"""Questions in others' names: spoof.py SERVER NETWORK RATE SECONDS

Asks SERVER for a TXT at RATE a second from addresses of NETWORK (its first three octets)
that nobody has, 30 to 249, as whoever has CAP_NET_RAW can.
"""
import random
import socket
import struct
import sys
import time

server, network, rate, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
prefix = bytes(int(x) for x in network.split(".")[:3])
question = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\5probe\4test\0\0\x10\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
begin, n = time.monotonic(), 0
while time.monotonic() < begin + seconds:
    while n < (time.monotonic() - begin) * rate:
        n += 1
        udp = struct.pack("!4H", random.randrange(1024, 65535), 53, 8 + len(question), 0) + question
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), n & 0xFFFF, 0, 64, 17, 0)
        s.sendto(head + prefix + bytes([random.randrange(30, 250)]) + socket.inet_aton(server) + udp, (server, 0))
    time.sleep(0.002)
