/* SPDX-License-Identifier: Apache-2.0 */
/* A context a connection: whom to believe, who we are, one hand-shake. */
#include "kind-e2e/doctor/fetch_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>

#include "lib/base/clock.h"

struct tls {
	SSL_CTX *ctx;
	SSL *ssl;
};

bool tls_wait(int fd, short events, uint64_t until_ns)
{
	uint64_t now;

	while ((now = clock_mono_ns()) < until_ns) {
		struct pollfd p = {fd, events, 0};
		int rc = poll(&p, 1, (int)((until_ns - now) / NS_PER_MS) + 1);

		if (rc > 0)
			return true;
		if (rc < 0 && errno != EINTR)
			return false;
	}
	errno = ETIMEDOUT;
	return false;
}

static const char *tls_why(void)
{
	unsigned long e = ERR_peek_last_error();

	return e ? ERR_reason_error_string(e) : "the other side ended it";
}

static int trust(SSL_CTX *ctx, const char *pem, struct diag *d)
{
	BIO *in = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	X509 *x;
	int n = 0;

	if (!pem)
		return SSL_CTX_set_default_verify_paths(ctx) == 1 ? 0 : ERR_SYS;
	while (in && (x = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x);
		X509_free(x);
	}
	ERR_clear_error();
	BIO_free(in);
	return n ? 0 : diag_set(d, ERR_SYNTAX, "the CA file holds no certificate (PEM)");
}

static int identify(SSL_CTX *ctx, const struct fetch_who *who, struct diag *d)
{
	BIO *cert_in = BIO_new_mem_buf(who->cert, -1), *key_in = BIO_new_mem_buf(who->key, -1);
	X509 *cert = cert_in ? PEM_read_bio_X509(cert_in, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = key_in ? PEM_read_bio_PrivateKey(key_in, NULL, NULL, NULL) : NULL;
	bool good = cert && key && SSL_CTX_use_certificate(ctx, cert) == 1 &&
		    SSL_CTX_use_PrivateKey(ctx, key) == 1;

	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(cert_in);
	BIO_free(key_in);
	return good ? 0
		    : diag_set(d, ERR_SYNTAX,
			       "the client's certificate or key is no PEM, or "
			       "they do not belong together: %s",
			       tls_why());
}

static void expect_name(SSL *ssl, const char *host)
{
	struct in6_addr ip;

	if (inet_pton(AF_INET, host, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1)
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	else if (SSL_set_tlsext_host_name(ssl, host))
		SSL_set1_host(ssl, host);
}

static int shake_hands(SSL *ssl, int fd, uint64_t until_ns, struct diag *d)
{
	int rc;

	while ((rc = SSL_connect(ssl)) != 1) {
		int why = SSL_get_error(ssl, rc);
		long bad = SSL_get_verify_result(ssl);

		if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
			if (tls_wait(fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_ns))
				continue;
			return diag_errno(d, "TLS");
		}
		return diag_set(d, ERR_PEER, "TLS: %s",
				bad ? X509_verify_cert_error_string(bad) : tls_why());
	}
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	free(t);
}

static int set_up(struct tls *t, const char *host, const struct fetch_who *who, int fd,
		  struct diag *d)
{
	int rc;

	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx)
		return diag_set(d, ERR_NOMEM, "TLS: no memory");
	SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(t->ctx, who && who->no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	rc = trust(t->ctx, who ? who->ca : NULL, d);
	rc = rc || !who || !who->cert || !who->key ? rc : identify(t->ctx, who, d);
	if (rc)
		return rc;
	t->ssl = SSL_new(t->ctx);
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1)
		return diag_set(d, ERR_NOMEM, "TLS: no memory");
	expect_name(t->ssl, host);
	return 0;
}

int tls_open(struct tls **ret, const char *host, const struct fetch_who *who, int fd,
	     uint64_t until_ns, struct diag *d)
{
	struct tls *t = calloc(1, sizeof *t);
	int rc;

	ERR_clear_error();
	if (!t)
		return diag_set(d, ERR_NOMEM, "TLS: no memory");
	rc = set_up(t, host, who, fd, d);
	rc = rc ? rc : shake_hands(t->ssl, fd, until_ns, d);
	if (rc)
		tls_free(t);
	else
		*ret = t;
	return rc;
}

ssize_t tls_move(struct tls *t, void *buf, size_t n, bool out, short *ret_events)
{
	int got, why;

	ERR_clear_error();
	got = out ? SSL_write(t->ssl, buf, (int)n) : SSL_read(t->ssl, buf, (int)n);
	if (got > 0)
		return got;
	why = SSL_get_error(t->ssl, got);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		*ret_events = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		errno = EAGAIN;
		return -1;
	}
	if (!out)
		return 0; /* its length says whether what came is whole */
	errno = EPIPE;
	return -1;
}
