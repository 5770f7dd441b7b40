#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part of the Kubernetes API that is only read: files of a folder, each at its path.

kubeapi.py DIR ADDRESS PORT [--token T] [--forbid NAME]... [--tls CERT KEY]
Prints "ready" when it listens. What has no file is 404; without the token 401; forbidden names 403.
"""
import argparse
import http.server
import json
import os
import ssl
import sys

PATHS = {
    "/version": "api-version",
    "/api/v1/namespaces/kube-system/services": "api-services",
    "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices": "api-slices",
    "/api/v1/namespaces/kube-system/pods": "api-pods",
    "/apis/apps/v1/namespaces/kube-system/daemonsets": "api-daemonsets",
    "/api/v1/nodes": "api-nodes",
    "/api/v1/namespaces/kube-system/configmaps/kube-proxy": "api-kube-proxy",
    "/api/v1/services": "api-headless",
    "/apis/networking.k8s.io/v1/networkpolicies": "api-policies",
    "/apis/crd.projectcalico.org/v1/felixconfigurations/default": "api-calico",
    "/api/v1/namespaces/kube-system/configmaps/cilium-config": "api-cilium",
    "/apis/cilium.io/v2/namespaces/kube-system/ciliumlocalredirectpolicies": "api-redirects",
}

args = argparse.ArgumentParser()
args.add_argument("dir")
args.add_argument("address")
args.add_argument("port", type=int)
args.add_argument("--token")
args.add_argument("--forbid", action="append", default=[])
args.add_argument("--tls", nargs=2)
opt = args.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = PATHS.get(self.path.split("?")[0])
        path = os.path.join(opt.dir, name or "none")
        if opt.token and self.headers.get("Authorization") != "Bearer " + opt.token:
            self.answer(401, {"kind": "Status", "reason": "Unauthorized"})
        elif name in opt.forbid:
            self.answer(403, {"kind": "Status", "reason": "Forbidden"})
        elif not os.path.exists(path):
            self.answer(404, {"kind": "Status", "reason": "NotFound"})
        else:
            with open(path, "rb") as f:
                self.answer(200, f.read())

    def answer(self, status, body):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((opt.address, opt.port), Handler)
if opt.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*opt.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
sys.stdout.close()
server.serve_forever()
