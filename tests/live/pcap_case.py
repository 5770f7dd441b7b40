# SPDX-License-Identifier: Apache-2.0
"""What cases of pcap_cases.py are made with: captures by the line, the program run on them, and what it says."""
import csv
import io
import json
import os
import subprocess
import tempfile

from pcap_make import *

O = os.environ.get("O", "build/gcc")
REPLAY, MODEL = os.environ.get("PCAP_REPLAY", O + "/bin/pcap-replay"), os.environ.get("CONNTRACK_MODEL", O + "/bin/conntrack-model")
TMP = tempfile.mkdtemp(prefix="nodens-pcap.")
MS, S = 10**6, 10**9
POD, POD2, VIP, NODE, BACK, LOCAL = "10.244.1.2", "10.244.1.3", "10.96.0.10", "192.168.0.5", "10.244.2.9", "169.254.20.10"
cases = []


def case(title):
    def add(f):
        cases.append((title, f))
        return f
    return add


def path(name):
    return os.path.join(TMP, name)


def run(*args, stdin=None, timeout=60):
    return subprocess.run([str(a) for a in args], input=stdin, capture_output=True, timeout=timeout)


def summary(*files, status=0, args=()):
    r = run(REPLAY, "summary", "--json", *args, *files)
    assert r.returncode == status, "exit %d: %s" % (r.returncode, r.stderr.decode())
    return json.loads(r.stdout)


def metrics(*files, **kw):
    return summary(*files, **kw)["metrics"]


def expect(got, **want):
    for k, v in want.items():
        k = k.replace("__", ".")
        assert got[k] == v, "%s is %s, not %s" % (k, got[k], v)


def rows(*files, args=()):
    r = run(REPLAY, "extract", "--csv", "-", *args, *files)
    assert r.returncode == 0, r.stderr.decode()
    return sorted(csv.DictReader(io.StringIO(r.stdout.decode())), key=lambda x: int(x["t_ns"]))


def stream(*files, args=()):
    r = run(REPLAY, "extract", "--qs", "-", *args, *files)
    assert r.returncode == 0, r.stderr.decode()
    lines = r.stdout.decode().splitlines()
    names = lines[0].split("\t")[1:]
    return r.stdout, [dict(zip(names, l.split("\t"))) for l in lines if not l.startswith("#")]


def model(qs, *args):
    r = run(MODEL, "--qs", "-", *args, stdin=qs)
    assert r.returncode == 0, r.stderr.decode()
    return r.stdout.decode()


def pair(p, t, qid, qname, client=POD, port=40000, server=VIP, wrap=eth, ident=7, rtt=MS, qtype="A", **kw):
    p.put(t, wrap(dns(client, port, server, 53, query(qid, qname, qtype), ident)))
    p.put(t + rtt, wrap(dns(server, 53, client, port, answer(qid, qname, qtype, **kw), ident + 1)))


def node_views(p, t, qid, qname, ident, port, answered=True, masquerade=True):
    """One query of a pod as `tcpdump -i any` of its node sees it, and its answer back."""
    q, r = query(qid, qname), answer(qid, qname)
    src = NODE if masquerade else POD
    p.put(t, sll2(dns(POD, port, VIP, 53, q, ident), 5, IN))
    p.put(t + 2000, sll2(dns(POD, port, VIP, 53, q, ident), 3, IN))
    p.put(t + 9000, sll2(dns(src, port, BACK, 53, q, ident), 2, OUT))
    if answered:
        p.put(t + MS, sll2(dns(BACK, 53, src, port, r, ident + 9), 2, IN))
        p.put(t + MS + 5000, sll2(dns(VIP, 53, POD, port, r, ident + 9), 3, OUT))
        p.put(t + MS + 6000, sll2(dns(VIP, 53, POD, port, r, ident + 9), 5, OUT))


def tcp_frames(segments):
    """(t, from_client, seq, payload, flags[, ack])"""
    for t, c, seq, data, flags, *ack in segments:
        a, b = ((POD, 40000), (VIP, 53)) if c else ((VIP, 53), (POD, 40000))
        yield t, eth(ip4(a[0], b[0], 6, tcp(a[1], b[1], seq, data, flags, ack[0] if ack else 0)))


class Story(Pcap):
    """Told in any order, written in that of time."""
    def __init__(self, name):
        super().__init__(path(name))
        self.told = []

    def put(self, t_ns, frame):
        self.told.append((t_ns, frame))

    def close(self):
        for t_ns, frame in sorted(self.told, key=lambda x: x[0]):
            super().put(t_ns, frame)
        return super().close()


def half(p, t, port, ident, qname, qtype, after_ns, rcode=3):
    """A question of POD's; what answers it comes after that time, or None: never."""
    p.put(t, eth(dns(POD, port, VIP, 53, query(ident, qname, qtype), ident)))
    if after_ns is not None:
        p.put(t + after_ns, eth(dns(VIP, 53, POD, port, answer(ident, qname, qtype, rcode=rcode, n=0 if rcode else 1), 7)))
