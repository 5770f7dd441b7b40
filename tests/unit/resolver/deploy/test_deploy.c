/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifests say what the daemon understands: the arguments of the DaemonSet
 * parse, and the ConfigMap's template renders with them to a Corefile that
 * compiles.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/yaml_doc.h"
#include "resolver/corefile/corefile.h"
#include "resolver/config/flags.h"
#include "lib/base/file.h"
#include "resolver/config/render.h"

#define DIR_ "resolver/deploy/"

static struct yaml_doc *load(const char *path)
{
	struct yaml_doc *y;
	struct diag d = {""};
	char *text;
	size_t len;

	cr_assert_eq(file_read(path, 1 << 20, &text, &len, &d), 0, "%s", d.text);
	cr_assert_eq(yaml_doc_parse(&y, path, text, len, &d), 0, "%s", d.text);
	free(text);
	return y;
}

/* "a.b.0.c" from the top. */
static struct yaml_at at(const struct yaml_doc *y, const char *path)
{
	struct yaml_at n = yaml_root(y), key, value;
	char copy[200];

	snprintf(copy, sizeof copy, "%s", path);
	for (char *step = strtok(copy, "."); step; step = strtok(NULL, ".")) {
		bool found = yaml_kind(n) == YAML_LIST && yaml_item(n, strtoul(step, NULL, 10), &value);

		for (size_t i = 0; !found && yaml_kind(n) == YAML_MAP && yaml_pair(n, i, &key, &value); i++)
			found = !strcmp(yaml_text(key), step);
		cr_assert(found, "%s: no %s", path, step);
		n = value;
	}
	return n;
}

static void parse_args(struct yaml_at list, struct node_flags *f)
{
	static char *argv[32] = {(char *)(uintptr_t)"node-cache"};
	struct diag d = {""};
	struct yaml_at item;
	int argc = 1;

	while (yaml_item(list, (size_t)argc - 1, &item))
		argv[argc++] = strdup(yaml_text(item)); /* the flags keep pointing there */
	argv[argc] = NULL;
	cr_assert_eq(flags_parse(f, argc, argv, &d), 0, "%s", d.text);
	cr_expect_eq(f->n_warnings, 0, "%s", f->warning[0]);
}

static void compile(const char *template, const struct node_flags *f)
{
	const char *ip[FLAGS_LOCALIPS_MAX];
	struct corefile_env env;
	struct corefile *tree;
	struct corefile_plan *plan;
	struct diag d = {""};
	char *text;

	for (size_t i = 0; i < f->n_localips; i++)
		ip[i] = f->localip[i].text;
	struct render_input in = {
		.template = template, .localip = ip, .n_localips = f->n_localips, .cluster_dns = "10.96.0.200",
		.local_port = f->dns_port, .prometheus_listen = f->prometheus_listen,
	};
	cr_assert_eq(render_corefile(&in, &text, &d), 0, "%s", d.text);
	cr_expect_null(strstr(text, "__"), "%s", text);
	corefile_env_defaults(&env);
	env.lint = true;
	cr_assert_eq(corefile_parse_text(&tree, "Corefile", text, strlen(text), &env, &d), 0, "%s", d.text);
	cr_assert_eq(corefile_compile(&plan, tree, &env, &d), 0, "%s", d.text);
	cr_expect_geq(plan->conf.n_listeners, 1);
	cr_expect_geq(plan->conf.n_zones, 4);
	corefile_plan_free(plan);
	corefile_free(tree);
	free(text);
}

/* `kubectl debug` pulls an image whose tag is `latest` or none, even in a cluster
 * that can reach no registry. */
Test(deploy, the_image_has_a_tag_that_is_not_pulled)
{
	struct yaml_doc *y = load(DIR_ "base/kustomization.yaml");
	const char *tag = yaml_text(at(y, "images.0.newTag"));

	cr_expect(*tag && strcmp(tag, "latest"), "tag '%s'", tag);
	yaml_doc_free(y);
}

Test(deploy, base)
{
	struct yaml_doc *set = load(DIR_ "base/daemonset.yaml"), *map = load(DIR_ "base/configmap.yaml");
	struct node_flags f;

	parse_args(at(set, "spec.template.spec.containers.0.args"), &f);
	cr_expect_eq(f.n_localips, 2);
	cr_expect_eq(strncmp(f.handover, yaml_text(at(set, "spec.template.spec.containers.0.volumeMounts.2.mountPath")),
			     strrchr(f.handover, '/') - f.handover), 0, "the socket is where the directory is mounted");
	compile(yaml_text(at(map, "data.Corefile")), &f);
	cr_expect_str_eq(yaml_text(at(set, "spec.template.spec.containers.0.readinessProbe.httpGet.host")), f.localip[0].text);
	yaml_doc_free(set);
	yaml_doc_free(map);
}

Test(deploy, pod_mode)
{
	struct yaml_doc *map = load(DIR_ "pod-mode/configmap.yaml");
	struct node_flags f;
	char *argv[] = {(char *)(uintptr_t)"node-cache", (char *)(uintptr_t)"-localip=0.0.0.0",
			(char *)(uintptr_t)"-setupinterface=false", (char *)(uintptr_t)"-setupiptables=false", NULL};
	struct diag d;

	cr_assert_eq(flags_parse(&f, 4, argv, &d), 0);
	compile(yaml_text(at(map, "data.Corefile")), &f);
	yaml_doc_free(map);
}

/* A patch is YAML within YAML: a list of operations. */
static const char *patched_value(struct yaml_at patch, size_t i, char *ret, size_t size)
{
	struct diag d = {""};
	struct yaml_doc *y;
	char path[32];

	cr_assert_eq(yaml_doc_parse(&y, "patch", yaml_text(patch), strlen(yaml_text(patch)), &d), 0, "%s", d.text);
	snprintf(path, sizeof path, "%zu.value", i);
	snprintf(ret, size, "%s", yaml_text(at(y, path)));
	yaml_doc_free(y);
	return ret;
}

Test(deploy, ipvs_intercept)
{
	struct yaml_doc *y = load(DIR_ "ipvs-intercept/kustomization.yaml");
	char arg[3][80], *argv[5] = {(char *)(uintptr_t)"node-cache"};
	struct node_flags f;
	struct diag d = {""};

	for (size_t i = 0; i < 3; i++)
		argv[i + 1] = (char *)(uintptr_t)patched_value(at(y, "patches.0.patch"), i, arg[i], sizeof arg[i]);
	cr_assert_eq(flags_parse(&f, 4, argv, &d), 0, "%s", d.text);
	cr_expect_eq(f.intercept, INTERCEPT_REWRITE);
	cr_expect_eq(f.n_intercept_vips, 1);
	yaml_doc_free(y);
}
