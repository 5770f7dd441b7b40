# SPDX-License-Identifier: Apache-2.0
# Certificates of the cluster lab: one authority, a client for each component. They live as long as the run.
# shellcheck shell=bash
certificate() { # NAME SUBJECT ALTERNATIVE-NAMES
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
	openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
	printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$3" |
		openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile /dev/stdin -out "$1.crt" 2>/dev/null
}
kubeconfig() { # NAME
	cat >"$1.conf" <<-END
		apiVersion: v1
		kind: Config
		clusters: [{name: lab, cluster: {server: "https://$(at $PLANE):6443", certificate-authority: $PWD/ca.crt}}]
		users: [{name: lab, user: {client-certificate: $PWD/$1.crt, client-key: $PWD/$1.key}}]
		contexts: [{name: lab, context: {cluster: lab, user: lab}}]
		current-context: lab
	END
}
pki() {
	mkdir -p "$lab/pki"
	(
		cd "$lab/pki" || exit 1
		openssl ecparam -name prime256v1 -genkey -noout -out ca.key
		openssl req -x509 -new -key ca.key -subj /CN=lab -days 2 -out ca.crt
		openssl genrsa -out tokens.key 2048 2>/dev/null
		openssl rsa -in tokens.key -pubout -out tokens.pub 2>/dev/null
		certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:$api_ip,IP:$PLANE,IP:127.0.0.1"
		certificate kubelets /O=system:masters/CN=kube-apiserver-kubelet-client DNS:lab
		certificate admin /O=system:masters/CN=admin DNS:lab
		certificate kube-proxy /CN=system:kube-proxy DNS:lab
		certificate controllers /CN=system:kube-controller-manager DNS:lab
		certificate scheduler /CN=system:kube-scheduler DNS:lab
		for n in $nodes; do certificate "$n" "/O=system:nodes/CN=system:node:$n" "DNS:$n,IP:${node_ip[$n]}$(and6 ,IP: "${node_ip6[$n]}")"; done
		for u in admin kube-proxy controllers scheduler $nodes; do kubeconfig "$u"; done
		chmod 600 ./*.key
	)
}
