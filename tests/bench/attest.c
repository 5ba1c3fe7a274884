/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM costs the server: verifying quoted evidence, and looking at the state that it shows, against the same for evidence that
 * software signed. Both in turn, in one thread; the quickest batch of each counts, since other programs disturb it least.
 *
 * usage: attest SECONDS      prints one JSON object: microseconds of processor for one evidence
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/flight.h"

#define BATCH 64u

/* A request as the server has it after opening, with what its device attests. */
struct request {
	enum smr_platform platform;
	uint8_t ev[SMR_EV_MAX];
	struct smr_m1 m1;
	double best_us;
};

static void need(enum smr_err err)
{
	if (err == SMR_OK)
		return;
	(void)fprintf(stderr, "attest: %s\n", smr_err_text(err));
	exit(1);
}

static double now_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make(struct request *r, const struct smr_privkey *d)
{
	struct smr_attestation *attestation = &r->m1.attested.attestation;
	struct smr_writer w = smr_writer_init((struct smr_space){r->ev, sizeof(r->ev)});
	uint8_t hash[SMR_HASH_LEN];

	r->m1.evidence = (struct smr_evidence){.ctr = 5, .measurement = {1}};
	smr_put_ev(&w, &r->m1.evidence);
	need(smr_writer_done(&w, &r->m1.attested.ev));
	need(smr_evidence_hash(r->m1.attested.ev, r->m1.e, r->m1.q, hash));
	attestation->quoted = r->platform == SMR_PLATFORM_TPM;
	attestation->quote = (struct smr_tpm_quote){.clock_ms = 1000, .resets = 1, .firmware = 7, .pcrs = 0x300};
	if (attestation->quoted)
		need(smr_tpm_attest_hash(d->point, &attestation->quote, hash, r->m1.evidence.measurement, hash));
	need(smr_ecdsa_sign(d, hash, attestation->sig));
	r->best_us = 1e9;
}

static void one_batch(struct request *r, const struct smr_pubkey *d)
{
	double start = now_us(CLOCK_THREAD_CPUTIME_ID);
	uint8_t state[SMR_HASH_LEN];
	double took;

	for (unsigned i = 0; i < BATCH; i++) {
		need(smr_evidence_verify(&r->m1, d, r->platform));
		need(smr_evidence_state(&r->m1.evidence, r->platform, &r->m1.attested.attestation.quote, state));
	}
	took = (now_us(CLOCK_THREAD_CPUTIME_ID) - start) / BATCH;
	if (took < r->best_us)
		r->best_us = took;
}

int main(int argc, char **argv)
{
	struct request plain = {.platform = SMR_PLATFORM_SOFTWARE};
	struct request quoted = {.platform = SMR_PLATFORM_TPM};
	double end = now_us(CLOCK_MONOTONIC) + 1e6 * (argc == 2 ? strtod(argv[1], NULL) : 0);
	struct smr_privkey own = {0};
	struct smr_pubkey d = {0};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: attest SECONDS\n");
		return 2;
	}
	need(smr_privkey_generate(&own));
	need(smr_pubkey_import(&d, SMR_ARRAY(own.point)));
	make(&plain, &own);
	make(&quoted, &own);
	do {
		one_batch(&plain, &d);
		one_batch(&quoted, &d);
	} while (now_us(CLOCK_MONOTONIC) < end);
	(void)printf("{\"plain_us\": %.3f, \"quoted_us\": %.3f}\n", plain.best_us, quoted.best_us);
	smr_pubkey_wipe(&d);
	smr_privkey_wipe(&own);
	return 0;
}
