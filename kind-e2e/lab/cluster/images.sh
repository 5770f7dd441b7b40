# SPDX-License-Identifier: Apache-2.0
# The images of the cluster lab beside node-cache's: one layer each, made of programs of this machine
# with the libraries they load, written as the archive that `ctr images import` and `docker load` read.
# shellcheck shell=bash
libraries() { ldd "$@" 2>/dev/null | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ :]*\) (.*/\1/p' | sort -u; }
root_put() { # ROOT SOURCE DESTINATION
	mkdir -p "$1$(dirname "$3")"
	cp -L --remove-destination "$2" "$1$3" # never through a link that is there: it may lead out of the root
}
root_with() { # ROOT PROGRAM=DESTINATION...
	local root=$1 p l; shift
	mkdir -p "$root/etc" "$root/tmp" "$root/bin"
	chmod 1777 "$root/tmp"
	echo 'root:x:0:0::/:/sbin/nologin' >"$root/etc/passwd"
	echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
	for p; do
		root_put "$root" "${p%%=*}" "${p#*=}"
		for l in $(libraries "${p%%=*}"); do root_put "$root" "$l" "$l"; done
	done
}
archive() { # ROOT NAME ENTRYPOINT ARCHIVE
	local dir=$lab/archive layer config
	rm -rf "$dir"; mkdir "$dir"
	tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" -cf "$dir/layer.tar" .
	layer=$(sha256sum "$dir/layer.tar" | cut -d ' ' -f 1)
	printf '{"created":"1970-01-01T00:00:00Z","architecture":"%s","os":"linux","config":{"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"Entrypoint":["%s"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
		"$(dpkg --print-architecture)" "$3" "$layer" >"$dir/config.json"
	config=$(sha256sum "$dir/config.json" | cut -d ' ' -f 1)
	mv "$dir/config.json" "$dir/$config.json"
	printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$2" >"$dir/manifest.json"
	tar --format=ustar -C "$dir" -cf "$4" manifest.json "$config.json" layer.tar
	rm -rf "$dir"
}
images() {
	root_with "$lab/image-lab" "$O/tests/lab/pause=/pause" "$O/bin/kind-e2e=/bin/kind-e2e" "$(command -v getent)=/bin/getent"
	archive "$lab/image-lab" nodens.example/lab:1 /pause "$lab/lab.tar"
	rm -rf "$lab/image-lab"
	[ -s "$lab/lab.tar" ] || return 1
	[ -n "${coredns_image:-}" ] || return 0
	root_with "$lab/image-coredns" "$tools/coredns=/coredns"
	archive "$lab/image-coredns" "$coredns_image" /coredns "$lab/coredns.tar"
	rm -rf "$lab/image-coredns"
	[ -s "$lab/coredns.tar" ]
}
