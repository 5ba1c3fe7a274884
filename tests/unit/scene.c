/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

/* Numbers near the end of their range, so that encodings are as long as those of a device in the field get. */
#define CTR 0xfedcba98u
#define SERIAL 0xf1234567u

static struct scene scene;

static void make(struct key_pair *pair)
{
	assert_int_equal(smr_privkey_generate(&pair->own), SMR_OK);
	assert_int_equal(smr_pubkey_import(&pair->pub, SMR_ARRAY(pair->own.point)), SMR_OK);
}

static void drop(struct key_pair *pair)
{
	smr_privkey_wipe(&pair->own);
	smr_pubkey_wipe(&pair->pub);
}

static struct smr_writer writer(uint8_t *room, size_t len)
{
	return smr_writer_init((struct smr_space){room, len});
}

static struct smr_bytes written(const struct smr_writer *w)
{
	struct smr_bytes bytes = SMR_NONE;

	assert_int_equal(smr_writer_done(w, &bytes), SMR_OK);
	return bytes;
}

static void make_identities(struct scene *s)
{
	static const char digits[] = "890440456789012345678901234567";

	assert_int_equal(smr_eid_make(smr_bytes_of(digits, 30), &s->evidence.eid), SMR_OK);
	assert_int_equal(smr_iccid_parse(SMR_TEXT("8949000000000000018"), &s->package.iccid), SMR_OK);
	s->package.serial = SERIAL;
	s->evidence.ctr = CTR;
	s->evidence.fresh_kind = SMR_FRESH_BEACON;
	s->beacon.number = 0xabcdef12u;
	memset(s->beacon.value, 0xbe, sizeof(s->beacon.value));
	s->evidence.beacon = s->beacon;
	memset(s->evidence.measurement, 0x4d, sizeof(s->evidence.measurement));
}

static void make_certificate(struct scene *s)
{
	struct smr_certificate certificate = {.eid = s->evidence.eid, .shipment = {"SHIPMENT"}};
	struct smr_writer w = writer(s->certificate_room, sizeof(s->certificate_room));

	smr_point_compress(s->d.own.point, certificate.d);
	smr_point_compress(s->t.own.point, certificate.t);
	assert_int_equal(smr_certificate_sign(&w, &s->supplier.own, &certificate), SMR_OK);
	s->certificate = written(&w);
}

static void make_order(struct scene *s)
{
	struct smr_order order = {.serial = SERIAL, .eid = s->evidence.eid};
	struct smr_writer w = writer(s->order_room, sizeof(s->order_room));

	smr_point_compress(s->operator_key.own.point, order.operator_key);
	assert_int_equal(smr_order_sign(&w, &s->owner.own, &order), SMR_OK);
	s->order = written(&w);
}

static void make_flight_key(struct scene *s)
{
	struct smr_flight_key key = {
		.kind = SMR_FLIGHT_KEY_EPOCH,
		.number = 0xc0ffee02u,
		.not_before = 0xf0000000u,
		.not_after = 0xf0010000u,
	};
	struct smr_writer w = writer(s->flight_key_room, sizeof(s->flight_key_room));

	smr_point_compress(s->q.own.point, key.q);
	assert_int_equal(smr_flight_key_sign(&w, &s->root.own, &key), SMR_OK);
	s->flight_key = written(&w);
}

static void make_command(struct scene *s)
{
	struct smr_command command = {
		.eid = s->evidence.eid,
		.iccid = s->package.iccid,
		.serial = SERIAL,
		.state = SMR_MCIM_SUSPENDED,
	};
	struct smr_writer w = writer(s->command_room, sizeof(s->command_room));

	assert_int_equal(smr_command_sign(&w, &s->operator_key.own, &command), SMR_OK);
	s->command = written(&w);
}

static void seal_x(struct scene *s, const struct smr_mcim *mcim, uint8_t *room, struct smr_package *package)
{
	struct smr_mcim_binding binding = {.eid = s->evidence.eid, .iccid = package->iccid, .serial = package->serial};
	struct smr_space x = {room, SMR_X_MAX};

	smr_point_compress(s->operator_key.own.point, binding.operator_key);
	assert_int_equal(smr_key_id_of(s->operator_key.own.point, &package->operator_id), SMR_OK);
	assert_int_equal(smr_mcim_seal(&s->t.pub, &binding, mcim, &x), SMR_OK);
	package->x = view(x);
	assert_int_equal(smr_w_sign(&s->operator_key.own, &binding, package->x, package->order, package->w), SMR_OK);
}

static void make_packages(struct scene *s)
{
	struct smr_mcim mcim = {
		.aka = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1},
		.sqn_delta = 1u << 28,
		.checkin_interval_s = 31536000,
		.profile = 0xfffffff0u,
	};

	assert_int_equal(smr_imsi_parse(SMR_TEXT("262019999999999"), &mcim.imsi), SMR_OK);
	memset(mcim.aka.k, 0x4b, sizeof(mcim.aka.k));
	memset(mcim.aka.opc, 0x0c, sizeof(mcim.aka.opc));
	seal_x(s, &mcim, s->x_room, &s->package);
	mcim.aka.alg = SMR_AKA_TUAK;
	mcim.aka.k_len = 32;
	mcim.aka.res_len = 16;
	s->package_tuak = s->package;
	s->package_tuak.order = s->order;
	seal_x(s, &mcim, s->x_tuak_room, &s->package_tuak);
}

struct smr_ticket_lanes scene_lanes;

static void make_ticket(struct scene *s)
{
	struct smr_space sealed = {s->sealed_room, sizeof(s->sealed_room)};

	s->tk.id = smr_tk_id(1, 0xabcdefu);
	memset(s->tk.key, 0x71, sizeof(s->tk.key));
	s->ticket = (struct smr_ticket){
		.eid = s->evidence.eid,
		.lineage = CTR,
		.flight_epoch = 0xabcdeau,
		.policy_generation = 0xfffffff1u,
		.shipment = {"SHIPMENT"},
		.group = 0xfffffff2u,
		.state = SMR_TICKET_INSTALLED,
	};
	memset(s->ticket.rk, 0x72, sizeof(s->ticket.rk));
	assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &s->ticket, &sealed), SMR_OK);
	s->sealed_ticket = view(sealed);
}

static void make_reports(struct scene *s)
{
	s->install_receipt = (struct smr_receipt){
		.kind = SMR_RECEIPT_INSTALL,
		.iccid = s->package.iccid,
		.serial = s->package.serial,
		.mac = {1, 2, 3},
	};
	s->command_receipt = s->install_receipt;
	s->command_receipt.kind = SMR_RECEIPT_COMMAND;
	s->command_receipt.result = SMR_E_SERIAL;
	s->idle_report = (struct smr_report){.mcim_state = SMR_MCIM_ACTIVATED};
}

int scene_setup(void **state)
{
	struct scene *s = &scene;

	memset(s, 0, sizeof(*s));
	make(&s->q);
	make(&s->d);
	make(&s->t);
	make(&s->supplier);
	make(&s->root);
	make(&s->owner);
	make(&s->operator_key);
	make_identities(s);
	make_certificate(s);
	make_order(s);
	make_flight_key(s);
	make_command(s);
	make_packages(s);
	make_ticket(s);
	make_reports(s);
	*state = s;
	return 0;
}

int scene_teardown(void **state)
{
	struct scene *s = *state;

	smr_ticket_lanes_wipe(&scene_lanes);
	drop(&s->q);
	drop(&s->d);
	drop(&s->t);
	drop(&s->supplier);
	drop(&s->root);
	drop(&s->owner);
	drop(&s->operator_key);
	return 0;
}

const struct smr_tpm_quote scene_quote = {
	.clock_ms = 0xfffffffffff0u,
	.resets = 0xfffffff1u,
	.restarts = 0xfffffff2u,
	.safe = true,
	.firmware = 0xf019102300163636u,
	.pcrs = 1u << 8 | 1u << 9,
};

static enum smr_err quote(void *context, const uint8_t hash[SMR_HASH_LEN], struct smr_attestation *out)
{
	const struct scene *s = context;
	uint8_t attest[SMR_HASH_LEN];

	out->quoted = true;
	out->quote = scene_quote;
	SMR_TRY(smr_tpm_attest_hash(s->d.own.point, &out->quote, hash, s->evidence.measurement, attest));
	return smr_ecdsa_sign(&s->d.own, attest, out->sig);
}

struct smr_attester scene_tpm(struct scene *s)
{
	return (struct smr_attester){.context = s, .attest = quote};
}

static void start(struct run *run, struct scene *s, const struct smr_attester *d, enum smr_platform platform,
		  struct smr_bytes certificate)
{
	memset(run, 0, sizeof(*run));
	run->m1 = (struct smr_space){run->m1_room, sizeof(run->m1_room)};
	assert_int_equal(
		smr_m1_build(&s->q.pub, SCENE_Q_NUMBER, d, &s->evidence, certificate, NULL, &run->m1, &run->flight),
		SMR_OK);
	assert_int_equal(smr_m1_open(&s->q.own, view(run->m1),
				     (struct smr_space){run->m1_scratch, sizeof(run->m1_scratch)}, &run->opened),
			 SMR_OK);
	assert_int_equal(smr_evidence_verify(&run->opened, &s->d.pub, platform), SMR_OK);
	assert_int_equal(smr_m2_keys(&run->opened, &run->keys), SMR_OK);
}

void run_start(struct run *run, struct scene *s, struct smr_bytes certificate)
{
	start(run, s, &(struct smr_attester){.key = &s->d.own}, SMR_PLATFORM_SOFTWARE, certificate);
}

void run_start_tpm(struct run *run, struct scene *s, struct smr_bytes certificate)
{
	const struct smr_attester d = scene_tpm(s);

	start(run, s, &d, SMR_PLATFORM_TPM, certificate);
}

void run_wipe(struct run *run)
{
	smr_flight_wipe(&run->flight);
	smr_m1_wipe(&run->opened);
	SMR_WIPE(*run);
}

struct smr_m2 answer_with_package(const struct scene *s)
{
	return (struct smr_m2){.has_package = true, .package = s->package, .ticket = s->sealed_ticket};
}

struct smr_bytes seal_answer(struct answer *answer, const struct run *run, const struct smr_m2 *m2)
{
	answer->m2 = (struct smr_space){answer->room, sizeof(answer->room)};
	assert_int_equal(smr_m2_seal(&run->keys, m2, &answer->m2), SMR_OK);
	return view(answer->m2);
}

enum smr_err open_answer(struct opened_answer *out, const struct smr_flight *flight, struct smr_bytes datagram)
{
	memset(out, 0x5a, sizeof(*out));
	return smr_m2_open(flight, datagram, (struct smr_space){out->scratch, sizeof(out->scratch)}, &out->m2, out->rk);
}

enum smr_err open_request(struct run *run, const struct smr_privkey *q, struct smr_bytes datagram)
{
	smr_m1_wipe(&run->opened);
	return smr_m1_open(q, datagram, (struct smr_space){run->m1_scratch, sizeof(run->m1_scratch)}, &run->opened);
}

void assert_bytes_equal(struct smr_bytes a, struct smr_bytes b)
{
	assert_int_equal(a.len, b.len);
	if (a.len != 0)
		assert_memory_equal(a.ptr, b.ptr, a.len);
}

void assert_same_evidence(const struct smr_evidence *a, const struct smr_evidence *b)
{
	assert_memory_equal(&a->eid, &b->eid, sizeof(a->eid));
	assert_int_equal(a->ctr, b->ctr);
	assert_memory_equal(a->measurement, b->measurement, sizeof(a->measurement));
	assert_int_equal(a->fresh_kind, b->fresh_kind);
	assert_int_equal(a->beacon.number, b->beacon.number);
	assert_memory_equal(a->beacon.value, b->beacon.value, sizeof(a->beacon.value));
	assert_memory_equal(a->attach_rand, b->attach_rand, sizeof(a->attach_rand));
	assert_int_equal(a->have, b->have);
	assert_memory_equal(&a->have_iccid, &b->have_iccid, sizeof(a->have_iccid));
	assert_int_equal(a->have_serial, b->have_serial);
	assert_int_equal(a->failed, b->failed);
	assert_memory_equal(&a->failed_iccid, &b->failed_iccid, sizeof(a->failed_iccid));
	assert_int_equal(a->failed_serial, b->failed_serial);
	assert_int_equal(a->failed_reason, b->failed_reason);
	assert_int_equal(a->tamper, b->tamper);
}

struct smr_bytes view(struct smr_space space)
{
	return smr_bytes_of(space.ptr, space.len);
}

bool is_zero(const void *ptr, size_t len)
{
	const uint8_t *octets = ptr;

	for (size_t i = 0; i < len; i++)
		if (octets[i] != 0)
			return false;
	return true;
}

bool occurs(const void *hay, size_t hay_len, const void *needle, size_t needle_len)
{
	return memmem(hay, hay_len, needle, needle_len) != NULL;
}
