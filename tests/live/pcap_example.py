# SPDX-License-Identifier: Apache-2.0
"""The capture of docs/replay.md: a node with a bridge, DNAT and MASQUERADE, as `tcpdump -i any` writes it.

Two pods look up 120 names outside the cluster through the usual search list (ndots:5), as glibc does: a
socket for each name, and ids whose low octets are alike. Three of their questions are lost behind the
node and sent again five seconds later."""
import sys

from pcap_make import *

SUFFIXES = ("default.svc.cluster.local", "svc.cluster.local", "cluster.local", "")
VIP, NODE, BACKEND = "10.96.0.10", "192.168.0.5", "10.244.9.9"
US = 1000
frames = []


def exchange(t, pod, veth, port, qid, qname, qtype, found, ident, lost):
    q = query(qid, qname, qtype)
    r = answer(qid, qname, qtype, rcode=0 if found else 3, n=1 if qtype == "A" else 0)
    for k, (iface, way, src, dst) in enumerate(((veth, IN, pod, VIP), (3, IN, pod, VIP), (2, OUT, NODE, BACKEND))):
        frames.append((t + k * 4 * US, sll2(dns(src, port, dst, 53, q, ident), iface, way)))
    for k, (iface, way, src, dst) in enumerate(((2, IN, BACKEND, NODE), (3, OUT, VIP, pod), (veth, OUT, VIP, pod))):
        if not lost:
            frames.append((t + 400 * US + k * 4 * US, sll2(dns(src, 53, dst, port, r, ident + 30000), iface, way)))


ident = 1
for i in range(120):
    pod, veth, t = "10.244.1.%d" % (2 + i % 2), 5 + i % 2, i * 100_000 * US
    for k, suffix in enumerate(SUFFIXES):
        name_ = "www.shop%d.example.com" % i + ("." + suffix if suffix else "")
        lost = i % 40 == 7 and k == 0
        port, qid = 30000 + 4 * i + k, (4 * i + k) * 40503 & 0xffff
        for again in range(2 if lost else 1):
            for qtype in ("A", "AAAA"):
                ident += 1
                exchange(t, pod, veth, port, qid ^ 0x5a01 if qtype == "AAAA" else qid, name_, qtype, not suffix, ident, lost and not again and qtype == "A")
            t += 5_000_000 * US if lost and not again else 1000 * US
p = Pcap(sys.argv[1], 276)
for t, f in sorted(frames, key=lambda x: x[0]):
    p.put(t, f)
p.close()
