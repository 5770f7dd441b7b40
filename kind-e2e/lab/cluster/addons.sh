# SPDX-License-Identifier: Apache-2.0
# What comes with the cache, applied as a user would: the prober, dashboard and rules with a Prometheus that finds
# its targets by the API server, and the doctor, beside a healthy cluster and beside broken ones.
# shellcheck shell=bash

# --- the prober ---
prober_image() { # what resolver/deploy/prober/Dockerfile makes, from this machine's libraries
	local root=$lab/image-prober n
	root_with "$root" "$O/bin/kind-e2e=/kind-e2e"
	archive "$root" "$(image_of resolver/deploy/prober)" /kind-e2e "$lab/prober.tar"
	for n in $nodes; do image_into "$n" "$lab/prober.tar" || { said="$n takes no image of it"; return 1; }; done
	rm -rf "$root" "$lab/prober.tar"
}
image_of() { # FOLDER of a kustomization
	sed -n 's/^  newName: *//p; s/^  newTag: */:/p' "$1/kustomization.yaml" | tr -d '\n"'
}
prober_value() { # METRIC [LABEL [LABEL]]: all probers
	local ip
	for ip in $(k -n kube-system get pods -l k8s-app=dns-prober -o 'jsonpath={range .items[*]}{.status.podIP}{"\n"}{end}'); do scrape "$(at "$ip"):9353"; done | sum "$@"
}
prober_deployed() {
	local own kube_dns lost
	prober_image || return 1
	k apply -k resolver/deploy/prober >/dev/null && rolled daemonset/dns-prober || return 1
	asked_both() {
		own=$(prober_value nodens_sli_lookups_total 'target="resolv_conf"' 'result="answered"')
		kube_dns=$(prober_value nodens_sli_lookups_total 'target="kube_dns"' 'result="answered"')
		[ "$own" -ge 20 ] && [ "$kube_dns" -ge 20 ]
	}
	wait_for 60 asked_both
	lost=$(($(prober_value nodens_sli_lookups_total 'result="timeout"') + $(prober_value nodens_sli_lookups_total 'result="error"')))
	said="$own lookups answered by the server of the pods' resolv.conf, $kube_dns by kube-dns, $lost otherwise"
	asked_both && [ "$lost" = 0 ]
}

# --- dashboard and rules ---
# Debian's Prometheus does not ask API servers itself: its targets are what the Services' annotations and EndpointSlices
# say, the job is the Service's name as the operator has it, the rule files are the ConfigMap's.
prometheus_targets() { # SERVICE...: as file_sd reads it
	local s i port ips
	for s; do
		port=$(k -n kube-system get service "$s" -o 'jsonpath={.metadata.annotations.prometheus\.io/port}')
		ips=$(k -n kube-system get endpointslices -l kubernetes.io/service-name="$s" -o 'jsonpath={range .items[*].endpoints[*]}{.addresses[0]} {end}')
		for i in $ips; do echo "- {targets: [\"$(at "$i"):$port\"], labels: {job: $s}}"; done
	done
}
prometheus_up() {
	local key
	command -v prometheus >/dev/null || { said="no prometheus here (tools/packages.txt)"; return 1; }
	k apply -k resolver/deploy/monitoring >/dev/null || return 1
	mkdir -p "$lab/prometheus/rules"
	for key in alerts.yaml sli.yaml; do
		k -n kube-system get configmap node-cache-rules -o "go-template={{index .data \"$key\"}}" >"$lab/prometheus/rules/$key"
		cmp -s "$lab/prometheus/rules/$key" "resolver/deploy/monitoring/$key" || { said="the ConfigMap's $key is not the file"; return 1; }
	done
	[ "$(k -n kube-system get configmap -l grafana_dashboard=1 -o name)" = configmap/node-cache-dashboard ] || { said="no dashboard with Grafana's label"; return 1; }
	prometheus_targets node-local-dns dns-prober >"$lab/prometheus/targets.yaml"
	cat >"$lab/prometheus/config.yaml" <<-END
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		rule_files: ["$lab/prometheus/rules/*.yaml"]
		scrape_configs:
		- {job_name: services, file_sd_configs: [{files: ["$lab/prometheus/targets.yaml"]}]}
	END
	[ -z "${prometheus_pid:-}" ] || { kill "$prometheus_pid"; wait "$prometheus_pid"; } 2>/dev/null # of an earlier try
	prometheus --config.file="$lab/prometheus/config.yaml" --storage.tsdb.path="$lab/prometheus/data" --web.listen-address=127.0.0.1:9090 >"$out/prometheus.log" 2>&1 &
	prometheus_pid=$!
}
prometheus_value() { # QUERY: the value of its one sample, empty when there is none
	curl -sfG -m 5 --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query | sed -n 's/.*"value":\[[0-9.]*,"\([^"]*\)"\].*/\1/p'
}
monitored() {
	local firing
	prometheus_up || return 1
	scraped() { [ "$(prometheus_value 'sum(up{job="node-local-dns"})')" = 2 ] && [ "$(prometheus_value 'sum(up{job="dns-prober"})')" = 2 ] && [ "$(prometheus_value 'count(nodens_rules_active)')" = 2 ]; }
	wait_for 60 scraped || { said="not found or not scraped: caches $(prometheus_value 'sum(up{job="node-local-dns"})'), probers $(prometheus_value 'sum(up{job="dns-prober"})'): $(tail -n 1 "$out/prometheus.log")"; return 1; }
	recorded() { [ -n "$(prometheus_value 'sum(nodens:sli_dns_lost:ratio_5m)')" ]; }
	# its group is evaluated once a minute
	wait_for 100 recorded || { said="no rule of sli.yaml has recorded anything"; return 1; }
	firing=$(prometheus_value 'count(ALERTS{alertstate="firing"})')
	said="targets up: 2 caches, 2 probers; recorded: drop rate $(prometheus_value 'max(nodens:sli_dns_lost:ratio_5m)'); alerts firing: ${firing:-none}"
	[ -z "$firing" ]
}
addons_away() {
	[ -z "${prometheus_pid:-}" ] || kill "$prometheus_pid"
	k delete -k resolver/deploy/monitoring --ignore-not-found --wait=true >/dev/null && k delete -k resolver/deploy/prober --ignore-not-found --wait=true >/dev/null || { said="not deleted"; return 1; }
	gone() { [ -z "$(k -n kube-system get pods -l k8s-app=dns-prober -o name)" ]; }
	wait_for 30 gone
}

# --- the doctor ---
# From away (said, not guessed: this machine may be a node of another cluster), by the kubeconfig, and as the Job on a
# node. What it says is kept in the output; the checks are its exit status and the words of single probes.
doctor_away() { # NAME: status in $rc
	"$O/bin/kubectl-nodens" doctor --at away --kubeconfig "$lab/pki/admin.conf" --all --outside www.outside.example >"$out/doctor-$1.away" 2>&1
	rc=$?
}
doctor_job() { # NAME NODE: status in $rc
	local pod
	k -n kube-system delete job nodens-doctor --ignore-not-found --wait=true >/dev/null
	k kustomize kind-e2e/deploy/job | sed "s/^\( *\)- --all\$/\1- --all\n\1- --outside=www.outside.example/; s/^\( *\)restartPolicy: Never/&\n\1nodeName: $2/" | apply || return 1
	finished() { [ -n "$(k -n kube-system get job nodens-doctor -o 'jsonpath={.status.conditions[?(@.status=="True")].type}')" ]; }
	wait_for 120 finished || { said="the Job does not end: $(k -n kube-system get pods -l job-name=nodens-doctor 2>&1 | tail -n 1)"; return 1; }
	pod=$(k -n kube-system get pods -l job-name=nodens-doctor -o name)
	k -n kube-system logs "$pod" >"$out/doctor-$1.job" 2>&1
	rc=$(k -n kube-system get "$pod" -o 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}')
}
doctor_line() { grep -E "^[a-z]+ +$2 " "$out/doctor-$1" | head -n 1; } # FILE PROBE
doctor_expects() { # FILE STATUS WORD-PROBE...: the exit status, and that each probe has its word
	local f=$1 want=$2 p; shift 2
	said="exit status $rc; $(grep -E '^(fail|warn)' "$out/doctor-$f" | sed 's/  */ /g' | cut -c 1-150 | tr '\n' ';')"
	[ "$rc" = "$want" ] || return 1
	for p; do
		grep -qE "^${p%%:*} +${p#*:} " "$out/doctor-$f" || { said="$said; not '${p%%:*}' but: $(doctor_line "$f" "${p#*:}")"; return 1; }
	done
}
doctor_healthy() {
	doctor_away healthy
	doctor_expects healthy.away 0 ok:service.exists ok:service.endpoints || return 1
	doctor_job healthy "$n1" && doctor_expects healthy.job 0 ok:dns.name ok:dns.replicas ok:cache.path ok:cache.alive ok:rules.both-ways ok:proxy.mode
}
doctor_one_failure() { [ "$(grep -c '^fail' "$out/doctor-$1")" = 1 ]; } # FILE: a fault is told once
doctor_no_coredns() {
	local rc1 words
	k -n kube-system scale deployment coredns --replicas=0 >/dev/null
	no_coredns() { [ -z "$(coredns_ips)" ]; }
	wait_for 60 no_coredns
	doctor_away nocoredns
	doctor_expects nocoredns.away 1 fail:service.endpoints && doctor_one_failure nocoredns.away
	rc1=$?
	[ $rc1 != 0 ] || { doctor_job nocoredns "$n1" && doctor_expects nocoredns.job 1 fail:service.endpoints ok:cache.path && doctor_one_failure nocoredns.job; rc1=$?; }
	words=$said
	k -n kube-system scale deployment coredns --replicas=2 >/dev/null
	rolled deployment/coredns >/dev/null || return 1
	said=$words
	return $rc1
}
# All processes of the cache on a node stand still: its rules lapse, and CoreDNS answers.
doctor_cache_stopped() {
	local pids rc1 words
	pids=$(cache_pids "$n2")
	# shellcheck disable=SC2086
	kill -STOP $pids || return 1
	passed_by() { in_pod_with "$lab/fresh" client2 /bin/kind-e2e steady --names - --server $CLUSTER_DNS --rate 60 --duration 1s >/dev/null 2>&1; }
	fresh_names >"$lab/fresh"
	wait_for 20 passed_by
	doctor_job stopped "$n2" && doctor_expects stopped.job 1 fail:cache.alive
	rc1=$? words=$said
	# shellcheck disable=SC2086
	kill -CONT $pids 2>/dev/null # kubelet may have been faster
	rolled daemonset/node-local-dns && wait_for 60 cache_serves "$n2" || { said="the cache does not come back"; return 1; }
	said=$words
	return $rc1
}
doctor_gone() { k delete -k kind-e2e/deploy/job --ignore-not-found --wait=true >/dev/null; }
scenario_addons() {
	once "kubectl apply -k resolver/deploy/prober: every prober is answered by both servers" prober_deployed
	check "kubectl apply -k resolver/deploy/monitoring: Prometheus finds caches and probers, no alert fires" monitored
	once "prober and monitoring deleted" addons_away
	check "kubectl nodens doctor, away and as a Job: all is well" doctor_healthy
	check "the doctor names a CoreDNS that is down" doctor_no_coredns
	check "the doctor names a cache that does not answer" doctor_cache_stopped
	doctor_gone
}
