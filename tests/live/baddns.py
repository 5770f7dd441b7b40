#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster DNS with one fault, for the doctor to find: baddns.py ADDRESS FAULT

Knows kubernetes.default.svc.cluster.local, its SRV and PTR, example.com and the root's servers.
Prints "ready" when it listens on port 53 of both protocols (but for the fault)."""
import socket
import struct
import sys
import threading

ADDRESS, FAULT = sys.argv[1:3]
ZONE = 'cluster.local'
HOSTS = {'kubernetes.default.svc.' + ZONE: '10.96.0.1', 'example.com': '192.0.2.10'}
A, NS, SOA, PTR, AAAA, SRV = 1, 2, 6, 12, 28, 33
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
asked = {}  # how often a client's port was heard of
halves = []  # whose second question went unanswered, once


def wire(name):
    return b''.join(bytes([len(label)]) + label.encode() for label in name.split('.') if label) + b'\0'


def record(name, rtype, data, ttl=30):
    return wire(name) + struct.pack('!HHIH', rtype, 1, ttl, len(data)) + data


def question(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode('latin1').lower())
        at += query[at] + 1
    rtype, rclass = struct.unpack('!HH', query[at + 1:at + 5])
    return '.'.join(labels), rtype, rclass, query[12:at + 5]


def look_up(name, rtype):
    """Code and records, as a cluster's CoreDNS has them."""
    if name in HOSTS:
        return NOERROR, [record(name, A, socket.inet_aton(HOSTS[name]))] if rtype == A else []
    if name.startswith('_https._tcp.kubernetes.default') and name.endswith(ZONE):
        return NOERROR, [record(name, SRV, struct.pack('!HHH', 0, 100, 443) + wire(name.split('.', 2)[2]))] if rtype == SRV else []
    if name == '1.0.96.10.in-addr.arpa':
        return NOERROR, [record(name, PTR, wire('kubernetes.default.svc.' + ZONE))]
    if name == '':
        return NOERROR, [record('', NS, wire('%02d.root-servers.net' % i)) for i in range(25)] if rtype == NS else []
    return NXDOMAIN, []


def reply(query, tcp):
    name, rtype, rclass, echo = question(query)
    code, records = look_up(name, rtype) if rclass == 1 else (REFUSED, [])
    edns = struct.unpack('!H', query[10:12])[0] > 0
    if rtype == AAAA and FAULT == 'aaaa-servfail':
        code, records = SERVFAIL, []
    if rtype == AAAA and FAULT == 'aaaa-nxdomain':
        code, records = NXDOMAIN, []
    if FAULT in ('servfail', 'refused', 'nothing'):
        code, records = {'servfail': SERVFAIL, 'refused': REFUSED, 'nothing': NOERROR}[FAULT], []
    if name.endswith(ZONE) and FAULT == 'no-zone':
        code, records = NXDOMAIN, []
    body = b''.join(records)
    cut = not tcp and (FAULT == 'cuts' or len(body) + 12 + len(echo) > (1232 if edns else 512))
    if cut:
        records, body = [], b''
    if FAULT == 'other-question':
        echo = wire('other.example') + echo[-4:]
    opt = b'\0' + struct.pack('!HHIH', 41, 1232, 0, 0) if edns else b''
    head = struct.pack('!HHHHH', 0x8180 | code | (0x200 if cut else 0), 1, len(records), 0, 1 if edns else 0)
    whole = query[:2] + head + echo + body + opt
    return whole[:3] if FAULT == 'short' or (FAULT == 'short-tcp' and tcp) else whole


def serve_udp(s):
    while True:
        query, client = s.recvfrom(65535)
        n = asked[client] = asked.get(client, 0) + 1
        if (FAULT == 'aaaa-lost' and question(query)[1] == AAAA) or (FAULT == 'pairs' and n > 1):
            continue
        if FAULT == 'half' and n > 1 and not halves:
            halves.append(client)
            continue
        if FAULT == 'loses' and len(asked) % 5 == 0:
            continue
        late = threading.Timer(0.15 if FAULT == 'slow' else 0, s.sendto, (reply(query, False), client))
        late.start() if FAULT == 'slow' else late.run()


def serve_tcp(listener):
    while True:
        c, _ = listener.accept()
        try:
            while len(head := c.recv(2)) == 2:
                answer = reply(c.recv(struct.unpack('!H', head)[0]), True)
                c.sendall(struct.pack('!H', len(answer)) + answer)
        except OSError:
            pass
        c.close()


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((ADDRESS, 53))
threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
if FAULT != 'no-tcp':
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((ADDRESS, 53))
    tcp.listen(50)
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
print('ready', flush=True)
threading.Event().wait()
