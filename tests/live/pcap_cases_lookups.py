# SPDX-License-Identifier: Apache-2.0
"""What is one lookup; where questions go, and the names of who asks."""
import json
import os
import subprocess

from pcap_case import *


@case("a name that does not exist, looked up twice within a second, is two lookups; and so is one asked by two sockets at once")
def _():
    suffixes = (".default.svc.cluster.local", ".svc.cluster.local", ".cluster.local", "")
    p = Pcap(path("twice"))
    for n in range(2):
        for k, suffix in enumerate(suffixes):
            for q, qtype in enumerate(("A", "AAAA")):
                t = n * 300 * MS + k * 5 * MS + q * 10000
                pair(p, t, 100 * n + 2 * k + q, "www.none.example" + suffix, port=40000 + n, qtype=qtype, rcode=3, n=0)
    expect(metrics(p.close()), queries__sent=16, lookups__total=2)
    p = Pcap(path("atonce"))
    for n in range(2):
        for k, suffix in enumerate(suffixes[:2]):
            for q, qtype in enumerate(("A", "AAAA")):
                pair(p, n * 2 * MS + k * 5 * MS + q * 10000, 100 * n + 2 * k + q, "db" + suffix, port=40000 + n, qtype=qtype, rcode=3, n=0)
    expect(metrics(p.close()), queries__sent=8, lookups__total=2)


SUFFIXES = (".default.svc.cluster.local", ".svc.cluster.local", ".cluster.local", "")


@case("Go's second half may come at any time while the first waits for its answer, and a moment after that: one lookup")
def _():
    p = Story("apart")
    for k, suffix in enumerate(SUFFIXES):  # 85 ms from A to AAAA: the process stood still
        half(p, k * 200 * MS, 40000 + 2 * k, 10 + k, "www.example" + suffix, "A", 97 * MS)
        half(p, k * 200 * MS + 85 * MS, 40001 + 2 * k, 20 + k, "www.example" + suffix, "AAAA", 13 * MS)
    half(p, 10 * S, 41000, 30, "lost.example", "A", None)  # lost, and again five seconds later
    half(p, 10 * S + 40 * MS, 41001, 31, "lost.example", "AAAA", MS, 0)
    half(p, 15 * S, 41002, 32, "lost.example", "A", MS, 0)
    half(p, 20 * S, 42000, 40, "late.example", "A", 60 * MS, 0)
    half(p, 20 * S + 326 * MS, 42001, 41, "late.example", "AAAA", MS, 0)
    expect(metrics(p.close()), queries__sent=13, queries__retried=1, lookups__total=3)


@case("what asks for one half now and for the other half later looks up twice")
def _():
    p = Story("halves")
    half(p, 0, 40000, 1, "a.example", "A", MS, 0)
    half(p, 1500 * MS, 40001, 2, "a.example", "AAAA", MS, 0)
    half(p, 5 * S, 40002, 3, "b.example", "A", None)
    half(p, 21 * S, 40003, 4, "b.example", "AAAA", MS, 0)
    half(p, 30 * S, 40004, 5, "c.example", "TXT", None)
    half(p, 30 * S + MS, 40005, 6, "c.example", "A", MS, 0)
    expect(metrics(p.close()), queries__sent=6, queries__retried=0, lookups__total=6)


@case("glibc goes on to the next name when it gives one half up, counted from what it asked first: one lookup")
def _():
    for slow in (MS, 447 * MS):
        p = Story("givesup")
        half(p, 0, 40000, 1, "www.example" + SUFFIXES[0], "A", slow)
        half(p, slow + MS, 40001, 2, "www.example" + SUFFIXES[0], "AAAA", None)
        for k, suffix in enumerate(SUFFIXES[1:]):
            t = 5 * S + 27 * MS + k * 10 * MS
            half(p, t, 40002 + 2 * k, 3 + 2 * k, "www.example" + suffix, "A", MS)
            half(p, t + 2 * MS, 40003 + 2 * k, 4 + 2 * k, "www.example" + suffix, "AAAA", MS)
        expect(metrics(p.close()), queries__sent=8, queries__retried=0, lookups__total=1)


@case("glibc asks for the bare name at once when nobody answers: one lookup; whoever comes at another time makes one of its own")
def _():
    for after, n in ((15 * S, 1), (13 * S + 700 * MS, 2)):
        p = Story("silence")
        for t in (0, 5 * S, 10 * S):
            half(p, t, 40000, 1, "www.example" + SUFFIXES[0], "A", None)
            half(p, t + 20000, 40000, 2, "www.example" + SUFFIXES[0], "AAAA", None)
        half(p, after, 40001, 3, "www.example", "A", MS, 0)
        half(p, after + 20000, 40001, 4, "www.example", "AAAA", MS, 0)
        expect(metrics(p.close()), queries__sent=8, queries__retried=4, lookups__total=n)


@case("a timer's end is noticed late on a busy node: as a retry, and as the next name's time")
def _():
    p = Story("busy")
    half(p, 0, 40000, 1, "www.example" + SUFFIXES[0], "A", None)
    half(p, 30000, 40001, 2, "www.example" + SUFFIXES[0], "AAAA", MS)
    half(p, 5285 * MS, 40002, 3, "www.example" + SUFFIXES[0], "A", MS)
    half(p, 5287 * MS, 40003, 4, "www.example" + SUFFIXES[1], "A", MS)
    half(p, 5288 * MS, 40004, 5, "www.example" + SUFFIXES[1], "AAAA", None)
    half(p, 10484 * MS, 40005, 6, "www.example" + SUFFIXES[2], "A", MS, 0)
    half(p, 20 * S, 40006, 7, "a.example", "A", None)
    half(p, 25400 * MS, 40007, 8, "a.example", "A", MS, 0)  # nobody's time
    expect(metrics(p.close()), queries__sent=8, queries__retried=1, lookups__total=3)


@case("an answer that comes late, when the next name is being asked for, is no answer of that one's")
def _():
    p = Story("latename")
    half(p, 0, 40000, 1, "www.example" + SUFFIXES[0], "A", MS)
    half(p, 2 * MS, 40001, 2, "www.example" + SUFFIXES[0], "AAAA", 5 * S + 10 * MS)
    half(p, 5 * S, 40002, 3, "www.example", "A", 300 * MS, 0)
    half(p, 7 * S, 40003, 4, "www.example", "AAAA", MS, 0)  # of another lookup: the first's A was answered long ago
    expect(metrics(p.close()), queries__sent=4, lookups__total=2)


@case("the answered half that is asked again when its pair's late answer is there is no new lookup; nor is what two halves' one timer ends")
def _():
    p = Story("onesocket")
    half(p, 0, 40000, 1, "www.example", "A", None)
    half(p, 50000, 40000, 2, "www.example", "AAAA", 73 * MS)
    half(p, 5160 * MS, 40000, 1, "www.example", "A", 329 * MS, 0)
    half(p, 5490 * MS, 40000, 2, "www.example", "AAAA", MS)
    half(p, 20 * S, 41000, 3, "a.example", "A", MS, 0)
    half(p, 20 * S + 60 * MS, 41001, 4, "a.example", "AAAA", None)
    half(p, 25 * S + 2 * MS, 41002, 5, "a.example", "AAAA", MS, 0)
    expect(metrics(p.close()), queries__sent=7, queries__retried=3, lookups__total=2)


@case("glibc that asks for one half after the other asks the lost one again when the first is answered, however late: a retry")
def _():
    p = Story("reopen")
    half(p, 0, 40000, 1, "www.example", "A", None)
    half(p, 69000, 40000, 2, "www.example", "AAAA", None)
    half(p, 5071 * MS, 40001, 1, "www.example", "A", 447 * MS, 0)
    half(p, 5594 * MS, 40002, 2, "www.example", "AAAA", 3 * MS, 0)
    half(p, 20 * S, 40003, 9, "b.example", "A", 4800 * MS, 0)
    half(p, 20 * S, 40004, 8, "b.example", "AAAA", None)
    half(p, 24 * S + 900 * MS, 40005, 7, "b.example", "AAAA", MS, 0)  # not its id: who knows who asks
    expect(metrics(p.close()), queries__sent=7, queries__retried=2, lookups__total=3)


@case("whose search lists are walked in vain, before which names, and what spares that: by Deployment where the pods are known")
def _():
    def walks(p, client, names, port, times):
        for n in range(times):
            for i, base in enumerate(names):
                t = (n * 40 + i) * 100 * MS
                for k, suffix in enumerate(SUFFIXES):
                    pair(p, t + k * 2 * MS, 100 * n + k, base + suffix, client=client, port=port + n * 40 + i, ident=port + n * 160 + i * 4 + k, rcode=0 if k == 3 else 3)
    few, many = ["db.example", "api.example", "www.shop.example"], ["n%d.x.example" % i for i in range(30)]
    p = Story("advice")
    walks(p, "10.244.1.2", few, 20000, 4)
    walks(p, "10.244.1.3", few[:1], 21000, 3)
    walks(p, "10.244.1.4", many, 22000, 1)
    for i in range(15):
        pair(p, i * S, i, "svc.default.svc.cluster.local", client="10.244.1.5", port=23000 + i)
    f = p.close()
    with open(path("pods"), "w") as g:
        g.write("NAMESPACE  NAME                      READY  STATUS  RESTARTS  AGE  IP          NODE\n"
                "shop       web-5d9c7b6f4d-x2x5q      1/1    Running 0         1d   10.244.1.2  n\n"
                "shop       web-5d9c7b6f4d-bb5tq      1/1    Running 0         1d   10.244.1.3  n\n"
                "jobs       crawler-0                 1/1    Running 0         1d   10.244.1.4  n\n")
    s = summary(f, args=["--map", path("pods")])
    expect(s["metrics"], queries__sent=195, lookups__wasted=135)
    w = s["search_list"]["workloads"]
    assert [(x["workload"], x["addresses"], x["queries_wasted"], x["names"], x["saved_by_dots"]) for x in w] == \
        [("jobs/crawler", 1, 90, 30, 9), ("shop/web", 2, 45, 3, 45)], w
    assert w[1]["dots_behind"] == ["db.example.", "api.example.", "www.shop.example."], w
    assert (w[1]["saved_by_ndots_1"], w[1]["saved_by_ndots_2"], w[0]["saved_by_ndots_2"]) == (45, 12, 90), w
    text = run(REPLAY, "summary", "--map", path("pods"), f).stdout.decode()
    assert "a dot behind db.example, api.example and www.shop.example in the configuration of shop/web (2 addresses): 23.1 % fewer queries" in text, text
    assert "ndots:2 for jobs/crawler, which asks for 30 such names: 46.2 % fewer queries" in text, text
    text = run(REPLAY, "summary", f).stdout.decode()
    assert "in the configuration of 10.244.1.2: 18.5 % fewer queries" in text, text


KUBECTL = """NAMESPACE     NAME              READY   STATUS    RESTARTS     AGE   IP           NODE   NOMINATED NODE
default       pod/web-0         1/1     Running   1 (2d ago)   10d   %s   n1     <none>
default       pod/waits-0       0/1     Pending   0            1m    <none>       <none> <none>
kube-system   pod/coredns-0     1/1     Running   0            10d   %s   n2     <none>

NAMESPACE     NAME               TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)
default       service/headless   ClusterIP   None         <none>        80/TCP
kube-system   service/kube-dns   ClusterIP   %s   <none>        53/UDP,53/TCP
"""


@case("where clients' questions go: in path, bypassed, half of the pods, past the Service; and who is who")
def _():
    with open(path("kubectl"), "w") as f:
        f.write(KUBECTL % (POD.ljust(12), BACK.ljust(12), VIP.ljust(12)))

    def paths(f, *args):
        return {k: v for k, v in summary(f, args=args)["paths"].items() if v}

    p = Pcap(path("paths-in"), 276)  # pods ask the cache, the cache asks a DNS pod
    for i in range(10):
        p.put(i * S, sll2(dns(POD, 40000 + i, LOCAL, 53, query(i, "a.example"), 100 + i), 5, IN))
        p.put(i * S + MS, sll2(dns(LOCAL, 53, POD, 40000 + i, answer(i, "a.example"), 200 + i), 5, OUT))
        p.put(i * S + 2 * MS, sll2(dns(LOCAL, 50000 + i, BACK, 53, query(i + 900, "b.example"), 300 + i), 2, OUT))
        p.put(i * S + 3 * MS, sll2(dns(BACK, 53, LOCAL, 50000 + i, answer(i + 900, "b.example"), 400 + i), 2, IN))
    f = p.close()
    assert paths(f) == {"link_local": 10, "forwarded": 10}, paths(f)
    p = Pcap(path("paths-node"), 276)  # the cache asks with the node's address, by TCP or UDP; so do pods in the host's network
    for i in range(10):
        n = "n%d.example" % i
        p.put(i * S, sll2(dns(POD, 40000 + i, LOCAL, 53, query(i, n), 100 + i), 5, IN))
        p.put(i * S + MS, sll2(dns(NODE, 50000 + i, BACK, 53, query(i + 900, n), 300 + i), 2, OUT))
        p.put(i * S + 2 * MS, sll2(dns(BACK, 53, NODE, 50000 + i, answer(i + 900, n), 400 + i), 2, IN))
        p.put(i * S + 3 * MS, sll2(dns(LOCAL, 53, POD, 40000 + i, answer(i, n), 200 + i), 5, OUT))
        for k in range(2):  # twice as often somebody on the node, past the cache
            p.put(i * S + (100 + k) * MS, sll2(dns(NODE, 51000 + 2 * i + k, BACK, 53, query(i + 1900 + k, n), 500 + i), 2, OUT))
            p.put(i * S + (105 + k) * MS, sll2(dns(BACK, 53, NODE, 51000 + 2 * i + k, answer(i + 1900 + k, n), 600 + i), 2, IN))
    f = p.close()
    assert paths(f) == {"link_local": 10, "elsewhere": 20, "forwarded": 10}, paths(f)
    p = Pcap(path("paths-self"), 276)  # a program on the node asks the cache's address, and has it itself
    pair(p, 0, 1, "a.example", client=LOCAL, server=LOCAL, wrap=lambda x: sll2(x, 1, IN))
    f = p.close()
    assert paths(f) == {"link_local": 1}, paths(f)
    p = Pcap(path("paths-by"), 276)
    for i in range(10):
        node_views(p, i * S, i, "a.example", 100 + i * 20, 41000 + i)
    f = p.close()
    assert paths(f) == {"service": 10}, paths(f)
    p = Pcap(path("paths-half"), 276)
    for i in range(10):
        if i % 2:
            node_views(p, i * S, i, "a.example", 100 + i * 20, 41000 + i)
        else:
            p.put(i * S, sll2(dns("10.244.1.77", 40000 + i, LOCAL, 53, query(i, "a.example"), 100 + i), 5, IN))
            p.put(i * S + MS, sll2(dns(LOCAL, 53, "10.244.1.77", 40000 + i, answer(i, "a.example"), 200 + i), 5, OUT))
    pair(p, 20 * S, 1, "c.example", server=BACK, wrap=lambda x: sll2(x, 5, IN))
    pair(p, 21 * S, 1, "c.example", server="9.9.9.9", wrap=lambda x: sll2(x, 5, IN), port=1234)
    f = p.close()
    assert paths(f) == {"link_local": 5, "service": 5, "backend": 1, "elsewhere": 1}, paths(f)
    p = Pcap(path("paths-veth"))  # one place: no translation to be seen
    pair(p, 0, 1, "a.example")
    f = p.close()
    assert paths(f) == {"elsewhere": 1}, paths(f)
    assert paths(f, "--map", path("kubectl")) == {"service_untranslated": 1}
    s = summary(f, args=["--map", path("kubectl")])
    assert s["servers"][0]["name"] == "kube-system/kube-dns" and s["clients"][0]["name"] == "default/web-0", s["servers"]
    for bad, line in (("NAME IP\nx\n", 1), ("10.0.0.1 a\n10.0.0 b\n", 2), (KUBECTL % ("10.244.1.999", BACK, VIP), 2)):
        with open(path("badmap"), "w") as g:
            g.write(bad)
        r = run(REPLAY, "summary", "--map", path("badmap"), f)
        assert r.returncode == 1 and b"badmap:%d: expected" % line in r.stderr, r
    assert run(REPLAY, "summary", "--map", path("nosuch"), f).returncode == 1


def proto(field, value):
    """One field of protobuf: octets or text with their length, a number as a varint."""
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
    if isinstance(value, int):
        return varint(field << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def proto_pod(name, ips, host=False):
    """A v1.Pod as the API server's generated.proto numbers its fields, with fields that nobody asked for."""
    meta = proto(1, name) + proto(2, "") + proto(3, "default") + proto(11, proto(1, "app") + proto(2, "web" * 90))
    spec = proto(2, proto(1, "web") + proto(2, "image")) + proto(10, "node-a") + proto(11, int(host)) + b"\x3d\0\0\0\0" + b"\x79" + b"\0" * 8
    status = proto(1, "Running") + proto(5, NODE) + proto(6, ips[0] if ips else "") + b"".join(proto(12, proto(1, ip)) for ip in ips)
    return proto(1, meta) + proto(2, spec) + proto(3, status)


@case("--map at a kubelet's socket: its Pods API names the node's pods; each refusal says what was wrong")
def _():
    pods = [proto_pod("web-0", [POD, "fd00::2"]), proto_pod("pending", []), proto_pod("proxy", [NODE], host=True)]
    whole = b"".join(proto(1, p) for p in pods + [proto_pod("other-%d" % i, ["10.244.9.%d" % i]) for i in range(1, 200)])
    with open(path("pods.bin"), "wb") as f:
        f.write(whole)
    with open(path("pods-cut.bin"), "wb") as f:
        f.write(proto(1, pods[0]) + proto(1, pods[1][:-3]))
    p = Pcap(path("podsapi"))
    pair(p, 0, 1, "a.example")
    pair(p, 2 * MS, 3, "b.example", client=NODE)
    capture, sock = p.close(), path("pods.sock")

    def ask(answer, mode, capture=capture):
        server = subprocess.Popen([O + "/tests/live/podserver", sock, path(answer), mode], stdout=subprocess.PIPE)
        try:
            assert server.stdout.readline() == b"ready\n"
            return run(REPLAY, "summary", "--json", "--map", sock, capture)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
    r = ask("pods.bin", "ok")
    assert r.returncode == 0, r.stderr
    names = {c["address"]: c.get("name") for c in json.loads(r.stdout)["clients"]}
    assert names == {POD: "default/web-0", NODE: "node-a"}, names
    real = "tests/fuzz/corpus/podsapi/kubelet-1.36"  # what one of 1.36.3 answered, with one static pod
    p = Pcap(path("podsapi-real"))
    pair(p, 0, 1, "a.example", client="10.77.5.2")
    r = ask(os.path.abspath(real), "ok", p.close())
    assert r.returncode == 0 and json.loads(r.stdout)["clients"][0]["name"] == "default/host-web-node-a", r
    for answer, mode, words in (("pods.bin", "no", b"gRPC status 9 Kubelet is initializing"), ("pods.bin", "short", b"expected one gRPC message"),
                                ("pods.bin", "packed", b"not compressed"), ("pods.bin", "web", b"no gRPC status"), ("pods.bin", "other", b"pods.sock"),
                                ("pods-cut.bin", "ok", b"pod 2 of the kubelet's list cannot be read")):
        r = ask(answer, mode)
        assert r.returncode == 1 and words in r.stderr and not r.stdout, (mode, r)
    r = run(REPLAY, "summary", "--map", sock, capture)  # nobody listens there any more
    assert r.returncode == 1 and b"pods.sock" in r.stderr, r
