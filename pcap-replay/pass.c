/* SPDX-License-Identifier: Apache-2.0 */
/* Open everything, confine, read once, show, close. */
#include "pcap-replay/pass.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/record/metrics_common.h"
#include "pcap-replay/read/confine.h"
#include "pcap-replay/read/heap.h"
#include "pcap-replay/traffic/addrmap_read.h"
#include "pcap-replay/traffic/summary.h"
#include "pcap-replay/traffic/txncsv.h"
#include "pcap-replay/whatif/whatif.h"

struct pass {
	const struct pass_conf *c;
	struct budget budget;
	struct extract *x;
	struct transact *t;
	struct summary *sum;
	struct qsout qs;
	FILE *csv;
	struct result *record;
	struct asked asked;
	struct whatif whatif;
	struct addrmap *map;
};

static void closed(void *ctx, const struct txn *t)
{
	struct pass *p = ctx;
	if (p->sum)
		summary_txn(p->sum, t);
	if (p->csv)
		txncsv_row(p->csv, t);
	if (p->c->domain)
		asked_txn(&p->asked, t);
}

/* Everything that has to be asked of the system, before anything is parsed. */
static int open_all(struct pass *p, const struct extract_ports *ports, struct diag *d)
{
	const struct pass_conf *c = p->c;
	struct transact_conf tc = {.budget = &p->budget, .ctx = p, .closed = closed, .keep_wire = c->domain != NULL};
	struct extract_conf xc = {.paths = c->paths, .n_paths = c->n_paths, .ports = *ports, .budget = &p->budget};
	if (c->map) {
		int rc = addrmap_read(&p->map, c->map, d);
		if (rc)
			return rc;
	}
	p->t = transact_new(&tc);
	if (c->summary || c->json || c->out)
		p->sum = summary_new(&p->budget, p->map);
	if (!p->t || ((c->summary || c->json || c->out) && !p->sum))
		return diag_set(d, ERR_NOMEM, "out of memory");
	if (c->csv) {
		p->csv = strcmp(c->csv, "-") ? fopen(c->csv, "w") : stdout;
		if (!p->csv)
			return diag_errno(d, "%s", c->csv);
		txncsv_head(p->csv);
	}
	int rc = !c->qs ? 0 : c->wire ? qs_writer_open_wire(&p->qs.w, c->qs, d) : qs_writer_open(&p->qs.w, c->qs, d);
	if (rc == 0 && c->pcap)
		rc = pcapout_open(&p->qs.pcap, c->pcap, d);
	if (rc == 0 && c->out) {
		rc = result_open(&p->record, c->out, "pcap-replay", summary_metrics, c->n_given, c->given, d);
		for (size_t i = 0; rc == 0 && i < c->n_paths; i++)
			result_input(p->record, c->paths[i]);
	}
	p->qs.view = c->view;
	p->qs.point = c->point;
	p->qs.source = "capture";
	rc = rc ? rc : confine_parser(c->out != NULL, d);
	return rc ? rc : extract_open(&p->x, &xc, d);
}

/* An interrupt of standard input is no end: what has come is written. */
static bool reads_stdin(const struct pass_conf *c)
{
	for (size_t i = 0; i < c->n_paths; i++)
		if (!strcmp(c->paths[i], "-"))
			return true;
	return false;
}

static int read_all(struct pass *p, struct diag *d)
{
	const struct dmessage *m;
	const struct txn *t;
	int rc;
	while ((rc = extract_next(p->x, &m, d)) > 0) {
		for (const struct dmessage *soon; (soon = extract_ahead(p->x));)
			transact_expect(p->t, soon);
		enum txn_event e = transact_message(p->t, m, &t);
		if (p->sum)
			summary_message(p->sum, m, e, t);
		if ((p->qs.w || p->qs.pcap) && e != TXE_UNREADABLE)
			qsout_message(&p->qs, m, e, t);
	}
	transact_finish(p->t);
	return rc;
}

static int what_if(struct pass *p, struct diag *d)
{
	if (!asked_ready(&p->asked))
		return diag_set(d, ERR_NOMEM, "out of memory");
	return whatif_run(&p->whatif, &p->asked, p->c->domain, d);
}

static void what_if_json(void *ctx, struct jout *j)
{
	whatif_json(ctx, j);
}

static void show(struct pass *p)
{
	struct summary_ends e = {extract_counts(p->x), transact_counts(p->t), transact_waste(p->t), transact_n_lookups(p->t),
				 p->whatif.asked ? what_if_json : NULL, &p->whatif};
	if (!p->sum)
		return;
	if (p->c->summary && !p->c->json)
		summary_print(p->sum, &e, stdout);
	if (p->c->summary && !p->c->json && p->whatif.asked)
		whatif_print(&p->whatif, stdout);
	if (p->c->json)
		summary_json(p->sum, &e, stdout);
	if (p->record) {
		result_label(p->record, LABEL_ENGINE, ENGINE_CAPTURE);
		summary_record(p->sum, &e, p->record);
		if (p->whatif.asked)
			whatif_record(&p->whatif, p->record);
	}
}

static int close_all(struct pass *p, bool whole, struct diag *d)
{
	int rc = 0;
	if (p->csv && (fflush(p->csv) || ferror(p->csv)))
		rc = diag_errno(d, "%s", p->c->csv);
	if (p->csv && p->csv != stdout && fclose(p->csv) && !rc)
		rc = diag_errno(d, "%s", p->c->csv);
	if (p->qs.w) {
		int rc2 = qs_writer_close(p->qs.w, rc ? NULL : d);
		rc = rc ? rc : rc2;
	}
	int rc3 = pcapout_close(p->qs.pcap, rc ? NULL : d);
	rc = rc ? rc : rc3;
	if (p->record && whole) {
		int rc2 = result_close(p->record, rc ? NULL : d);
		rc = rc ? rc : rc2;
	} else {
		result_abandon(p->record);
	}
	extract_close(p->x);
	transact_free(p->t);
	summary_free(p->sum);
	asked_release(&p->asked);
	addrmap_free(p->map);
	return rc;
}

int pass_run(const struct pass_conf *c)
{
	struct pass p = {.c = c};
	struct diag d = {0};
	struct extract_ports ports;
	if (reading_ports(&ports, c->reading, &d))
		return verb_usage("%s", d.text);
	const char *const written[] = {c->qs, c->csv, c->pcap};
	for (size_t i = 0; i < 3; i++)
		if (reading_spares(written[i], c->paths, c->n_paths, &d))
			return verb_usage("%s", d.text);
	int to_stdout = (c->summary || c->json) + (c->qs && !strcmp(c->qs, "-")) + (c->csv && !strcmp(c->csv, "-")) +
			(c->pcap && !strcmp(c->pcap, "-"));
	if (to_stdout > 1)
		return verb_usage("only one of summary, --json, --qs -, --csv - and --pcap - can go to standard output");
	heap_prepare();
	budget_init(&p.budget, c->reading->memory_bytes);
	asked_init(&p.asked, &p.budget);
	int rc = open_all(&p, &ports, &d);
	bool begun = rc == 0;
	if (begun && !reads_stdin(c))
		rc = outputs_guard(written, 3, &d);
	if (rc == 0)
		rc = read_all(&p, &d);
	if (rc == 0 && c->domain)
		rc = what_if(&p, &d);
	if (rc)
		log_error("%s", d.text);
	if (begun && (rc == 0 || extract_counts(p.x)->frames.frames))
		show(&p);
	int rc2 = close_all(&p, begun, &d);
	interrupt_files_forget();
	if (rc2)
		log_error("%s", d.text);
	return rc || rc2 ? EXIT_FAILED : EXIT_DONE;
}
