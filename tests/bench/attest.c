/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM costs the server: reading and judging a flight's quoted evidence (smr_get_attested, smr_flight_judge: verification, the state that
 * it shows, the supplier's list, the clock rule), against the same for evidence that software signed. In one thread, in short turns, each of
 * the two first as often as the other; the median of what the pairs differ by, which neither a slower minute nor a disturbed turn moves.
 *
 * usage: attest STORE SECONDS      makes STORE; prints one JSON object: microseconds of processor for one evidence
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/item.h"

#define TURN 8u
#define PAIRS_MAX 65536u
#define REFERENCES 64u /* of the supplier's list: a lookup is some steps long */
#define MEASUREMENT 1u
#define CTR 5u

/* A request as the server has it after opening, and the row of the device that made it. */
struct request {
	enum smr_platform platform;
	uint8_t evidence[SMR_EVIDENCE_MAX];
	size_t evidence_len;
	struct smr_item item;
	struct smr_store_device device;
	struct smr_store_change change;
};

static const struct smr_tpm_quote quote = {.clock_ms = 1000, .resets = 1, .firmware = 7, .pcrs = 0x300};
static struct request plain = {.platform = SMR_PLATFORM_SOFTWARE};
static struct request quoted = {.platform = SMR_PLATFORM_TPM};
static struct smr_metrics metrics;
static double plain_us[PAIRS_MAX];
static double over_us[PAIRS_MAX];

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

/* ---- the server's side ---- */

static struct smr_shipment_id shipment_of(const struct request *r)
{
	return (struct smr_shipment_id){.octets = {(uint8_t)r->platform, 1}};
}

static void load_shipment(struct smr_store *store, struct smr_file_info *info, const struct request *r)
{
	struct smr_store_shipment shipment = {.number = info->number};

	shipment.about.id = shipment_of(r);
	shipment.about.platform = r->platform;
	memcpy(shipment.supplier, info->sender, sizeof(shipment.supplier));
	info->type = SMR_FILE_SHIPMENT;
	need(smr_store_load_begin(store, info));
	need(smr_store_put_shipment(store, &shipment));
	need(smr_store_load_end(store, true));
	info->number++;
}

/** The states that the two requests show, among others. */
static void load_references(struct smr_store *store, struct smr_file_info *info)
{
	info->type = SMR_FILE_REFERENCES;
	need(smr_store_load_begin(store, info));
	for (uint8_t i = 0; i < REFERENCES; i++) {
		const struct smr_evidence evidence = {.measurement = {MEASUREMENT + i / 2}};
		struct smr_reference_record record = {.version = "1"};

		need(smr_evidence_state(&evidence, i % 2 ? SMR_PLATFORM_TPM : SMR_PLATFORM_SOFTWARE, &quote,
					record.measurement));
		need(smr_store_put_reference(store, info->sender, &record));
	}
	need(smr_store_load_end(store, true));
}

static struct smr_keyring *make_ring(const char *path, const struct smr_privkey *supplier)
{
	const struct smr_keyring_times times = {.now = 1, .spare_from_s = SMR_KEYRING_NO_SPARE};
	struct smr_file_info info = {.number = 1};
	struct smr_store *store = NULL;
	struct smr_keyring *ring;

	smr_point_compress(supplier->point, info.sender);
	need(smr_store_open(path, SMR_STORE_CREATE, &store));
	load_shipment(store, &info, &plain);
	load_shipment(store, &info, &quoted);
	load_references(store, &info);
	need(smr_keyring_load(store, &times, &ring));
	smr_store_close(store);
	return ring;
}

/* ---- a device's side ---- */

/** Its subscription is installed, and it makes the flight after the one that the row knows of. */
static void make_row(struct request *r, const struct smr_privkey *d)
{
	memcpy(r->device.d, d->point, sizeof(r->device.d));
	r->device.known_d = r->device.has_shipment = true;
	r->device.shipment = shipment_of(r);
	r->device.row = (struct smr_row){.state = SMR_ROW_INSTALLED, .ctr = CTR - 1, .lineage = CTR - 1, .serial = 1};
	r->device.row.tpm.known = r->platform == SMR_PLATFORM_TPM;
	r->item.device = &r->device;
	r->item.change = &r->change;
}

static void make(struct request *r, const struct smr_privkey *d)
{
	struct smr_m1 *m1 = &r->item.m1;
	struct smr_attestation attestation = {.quoted = r->platform == SMR_PLATFORM_TPM, .quote = quote};
	uint8_t ev_room[SMR_EV_MAX];
	struct smr_writer ev_writer = smr_writer_init((struct smr_space){ev_room, sizeof(ev_room)});
	struct smr_writer w = smr_writer_init((struct smr_space){r->evidence, sizeof(r->evidence)});
	struct smr_bytes ev;
	struct smr_bytes whole;
	uint8_t hash[SMR_HASH_LEN];

	m1->evidence = (struct smr_evidence){
		.ctr = CTR, .measurement = {MEASUREMENT}, .have = true, .have_serial = 1, .lineage = CTR - 1};
	smr_put_ev(&ev_writer, &m1->evidence);
	need(smr_writer_done(&ev_writer, &ev));
	need(smr_evidence_hash(ev, m1->e, m1->q, hash));
	if (attestation.quoted)
		need(smr_tpm_attest_hash(d->point, &quote, hash, m1->evidence.measurement, hash));
	need(smr_ecdsa_sign(d, hash, attestation.sig));
	smr_put_attested(&w, ev, &attestation);
	need(smr_writer_done(&w, &whole));
	r->evidence_len = whole.len;
	make_row(r, d);
}

/* ---- turns ---- */

static double one_turn(struct request *r, const struct smr_steps *steps)
{
	double start = now_us(CLOCK_THREAD_CPUTIME_ID);

	for (unsigned i = 0; i < TURN; i++) {
		struct smr_reader reader = smr_reader_init(smr_bytes_of(r->evidence, r->evidence_len));

		smr_get_attested(&reader, &r->item.m1.attested);
		need(smr_reader_done(&reader));
		smr_flight_judge(&r->item, steps);
		if (r->item.stage != SMR_STAGE_COMMIT || r->item.verdict.refusal != SMR_REFUSAL_NONE)
			need(SMR_E_REFUSED);
	}
	return (now_us(CLOCK_THREAD_CPUTIME_ID) - start) / TURN;
}

static void one_pair(const struct smr_steps *steps, size_t pair)
{
	struct request *first = pair % 2 ? &quoted : &plain;
	struct request *second = pair % 2 ? &plain : &quoted;
	double first_us = one_turn(first, steps);
	double second_us = one_turn(second, steps);

	plain_us[pair] = first == &plain ? first_us : second_us;
	over_us[pair] = first == &plain ? second_us - first_us : first_us - second_us;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), ascending);
	return values[count / 2];
}

int main(int argc, char **argv)
{
	struct smr_steps steps = {.metrics = &metrics};
	struct smr_keyring *ring;
	struct smr_privkey own = {0};
	size_t pairs = 0;
	double end;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: attest STORE SECONDS\n");
		return 2;
	}
	need(smr_privkey_generate(&own));
	ring = make_ring(argv[1], &own);
	steps.ring = ring;
	make(&plain, &own);
	make(&quoted, &own);
	smr_privkey_wipe(&own);
	end = now_us(CLOCK_MONOTONIC) + 1e6 * strtod(argv[2], NULL);
	do
		one_pair(&steps, pairs++);
	while (pairs < PAIRS_MAX && now_us(CLOCK_MONOTONIC) < end);
	(void)printf("{\"plain_us\": %.3f, \"over_us\": %.3f}\n", median(plain_us, pairs), median(over_us, pairs));
	smr_keyring_release(ring);
	return 0;
}
