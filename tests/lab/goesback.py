# SPDX-License-Identifier: Apache-2.0
"""A pod that asks over TCP from one port, told when: goesback.py SERVER PORT

Asks; when a line comes, asks again over the same connection, and when that has ended once more over another one from the same
port; when the next line comes, once more over that. Prints who answered each, "ended", or "silent", a line each.
"""
import re
import socket
import sys

PATIENCE_S = 12
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET


def connect():
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", int(sys.argv[2])))
    s.settimeout(PATIENCE_S)
    s.connect((sys.argv[1], 53))
    return s


def ask(s, name):
    q = b"\0\1\1\0\0\1\0\0\0\0\0\0\1" + name + b"\4test\0\0\x10\0\1"
    try:
        s.sendall(len(q).to_bytes(2, "big") + q)
        by = re.search(rb"by=([a-z]+)", s.recv(4096))
        how = by.group(1).decode() if by else "ended"
    except socket.timeout:
        how = "silent"
    except OSError:
        how = "ended"
    print(how, flush=True)


first = connect()
ask(first, b"a")
sys.stdin.readline()
ask(first, b"b")
first.close()
second = connect()
ask(second, b"c")
sys.stdin.readline()
ask(second, b"d")
