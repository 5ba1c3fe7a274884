/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/hot.h"

#include <stdio.h>
#include <stdlib.h>

#include "sys/clock.h"
#include "sys/fsio.h"

#define Q_NUMBER 7u
#define COAP_ANSWER 7u /* header 4, token 2, marker 1 */
#define DAY 86400u
#define STALE_MS 3600000u /* longer than any run */

static const char shipment_id[] = "SHIPMENT";

void hot_check(enum smr_err err, const char *what)
{
	if (err == SMR_OK)
		return;
	(void)fprintf(stderr, "hot: %s: %s\n", what, smr_err_text(err));
	exit(1);
}

struct smr_eid hot_eid(uint64_t n)
{
	struct smr_eid eid = {{0x89, 0x04, 0x90, 0x32}};

	for (size_t i = sizeof(eid.octets) - 1; n > 0 && i >= 8; i--, n /= 100)
		eid.octets[i] = (uint8_t)(n / 10 % 10 << 4 | n % 10);
	return eid;
}

/* One key for all devices, the same in every run: the store may be one of an earlier run. */
static void make_keys(struct hot_world *w)
{
	uint8_t scalar[SMR_SCALAR_LEN] = {1};

	hot_check(smr_privkey_import(&w->q, scalar), "q");
	scalar[0] = 2;
	hot_check(smr_privkey_import(&w->d, scalar), "d");
	hot_check(smr_pubkey_import(&w->q_pub, SMR_ARRAY(w->q.point)), "Q");
	memset(w->x, 0x5a, sizeof(w->x));
}

static struct smr_file_info file_of(const struct hot_world *w, enum smr_file_type type)
{
	struct smr_file_info info = {.type = type, .number = 1};

	smr_point_compress(w->d.point, info.sender);
	return info;
}

static void load_devices(struct hot_world *w, uint64_t rows)
{
	struct smr_store_shipment shipment = {.number = 1};
	struct smr_file_info info = file_of(w, SMR_FILE_SHIPMENT);
	struct smr_shipment_record record;

	memcpy(shipment.about.id.octets, shipment_id, sizeof(shipment.about.id.octets));
	memcpy(shipment.supplier, info.sender, sizeof(shipment.supplier));
	smr_point_compress(w->d.point, record.d);
	hot_check(smr_store_load_begin(w->store, &info), "shipment");
	hot_check(smr_store_put_shipment(w->store, &shipment), "shipment");
	for (uint64_t n = 0; n < rows; n++) {
		record.eid = hot_eid(n);
		hot_check(smr_store_put_device(w->store, &shipment.about.id, &record), "device");
	}
	hot_check(smr_store_load_end(w->store, true), "shipment");
}

static struct smr_iccid make_iccid(uint64_t n)
{
	struct smr_iccid iccid;
	char text[20];

	(void)snprintf(text, sizeof(text), "8949%014llu", (unsigned long long)(n % 100000000000000u));
	hot_check(smr_luhn_digit(smr_bytes_of(text, 18), &text[18]), "ICCID");
	hot_check(smr_iccid_parse(smr_bytes_of(text, 19), &iccid), "ICCID");
	return iccid;
}

static void load_packages(struct hot_world *w, uint64_t rows)
{
	struct smr_file_info info = file_of(w, SMR_FILE_BATCH);
	struct smr_store_party auc = {.role = "auc", .name = "auc", .has_kem = true};
	struct smr_batch_record record = {.package = {.operator_id = {"OPERATOR"}, .x = SMR_ARRAY(w->x)}};

	memcpy(auc.sign, info.sender, sizeof(auc.sign));
	memcpy(auc.kem, info.sender, sizeof(auc.kem));
	hot_check(smr_store_load_begin(w->store, &info), "batch");
	hot_check(smr_store_put_auc(w->store, &record.package.operator_id, &auc), "operator");
	for (uint64_t n = 0; n < rows; n++) {
		record.eid = hot_eid(n);
		record.package.serial = n + 1;
		record.package.iccid = make_iccid(n);
		hot_check(smr_store_put_package(w->store, &record), "package");
	}
	hot_check(smr_store_load_end(w->store, true), "batch");
}

static void load_reference(struct hot_world *w)
{
	struct smr_file_info info = file_of(w, SMR_FILE_REFERENCES);
	struct smr_reference_record record = {.version = "1"};

	memset(record.measurement, 0x4d, sizeof(record.measurement));
	hot_check(smr_store_load_begin(w->store, &info), "references");
	hot_check(smr_store_put_reference(w->store, info.sender, &record), "reference");
	hot_check(smr_store_load_end(w->store, true), "references");
}

static void add_flight_key(struct hot_world *w)
{
	struct smr_store_flight_key key = {.key = {.kind = SMR_FLIGHT_KEY_EPOCH,
						   .number = Q_NUMBER,
						   .not_before = 1,
						   .not_after = smr_clock_unix() + (uint64_t)365 * DAY}};
	struct smr_writer writer = smr_writer_init((struct smr_space){key.encoded, sizeof(key.encoded)});
	struct smr_bytes encoded;

	smr_point_compress(w->q.point, key.key.q);
	memcpy(key.scalar, w->q.scalar, sizeof(key.scalar));
	hot_check(smr_flight_key_sign(&writer, &w->d, &key.key), "flight key");
	hot_check(smr_writer_done(&writer, &encoded), "flight key");
	key.encoded_len = encoded.len;
	hot_check(smr_store_add_flight_key(w->store, &key), "flight key");
}

static void load_keyring(struct hot_world *w)
{
	struct smr_keyring_times times = {smr_clock_unix(), 0, SMR_KEYRING_NO_SPARE};
	struct smr_store_position position = {0};

	w->pending = smr_pending_new(STALE_MS);
	hot_check(w->pending ? SMR_OK : SMR_E_NO_MEMORY, "pending");
	hot_check(smr_store_position(w->store, &position), "position");
	hot_check(smr_pending_follow(w->pending, w->store, &position, smr_clock_ms()), "pending");
	hot_check(smr_keyring_load(w->store, &times, &w->ring), "keyring");
}

void hot_world_open(struct hot_world *w, const char *path, uint64_t rows)
{
	bool is_new = !smr_fs_exists(path);

	memset(w, 0, sizeof(*w));
	make_keys(w);
	hot_check(smr_store_open(path, SMR_STORE_CREATE, &w->store), path);
	if (is_new) {
		load_devices(w, rows);
		load_reference(w);
		load_packages(w, rows);
		add_flight_key(w);
		hot_check(smr_store_checkpoint(w->store), "checkpoint");
	}
	load_keyring(w);
}

void hot_world_close(struct hot_world *w)
{
	smr_ticket_lanes_wipe(&w->lanes);
	smr_keyring_release(w->ring);
	smr_pending_free(w->pending);
	smr_store_close(w->store);
	smr_privkey_wipe(&w->q);
	smr_privkey_wipe(&w->d);
	smr_pubkey_wipe(&w->q_pub);
}

/* ---- requests ---- */

static void put_coap(struct hot_request *out, char path, struct smr_space *room)
{
	const uint8_t head[] = {0x52, 0x02, 0x12, 0x34, 0xaa, 0xbb, 0xb1, (uint8_t)path, 0xff};

	memcpy(out->octets, head, sizeof(head));
	*room = (struct smr_space){out->octets + sizeof(head), sizeof(out->octets) - sizeof(head)};
}

void hot_make_m1(struct hot_world *w, uint64_t n, uint32_t ctr, struct hot_request *out)
{
	struct smr_evidence evidence = {.eid = hot_eid(n), .ctr = ctr};
	const struct smr_attester d = {.key = &w->d};
	struct smr_space room;

	memset(evidence.measurement, 0x4d, sizeof(evidence.measurement));
	put_coap(out, 'f', &room);
	hot_check(smr_m1_build(&w->q_pub, Q_NUMBER, &d, &evidence, SMR_NONE, NULL, &room, &out->flight), "M1");
	out->len = (size_t)(room.ptr - out->octets) + room.len;
	out->device = n;
}

static void build_c1(struct hot_request *request, const uint8_t *rk, struct smr_bytes ticket, uint32_t ctr)
{
	struct smr_report report = {.mcim_state = SMR_MCIM_ACTIVATED};
	struct smr_space room;

	put_coap(request, 'c', &room);
	hot_check(smr_c1_build(rk, ticket, ctr, &report, &room, &request->kept), "C1");
	request->len = (size_t)(room.ptr - request->octets) + room.len;
}

void hot_make_c1(const uint8_t *answer, size_t len, uint32_t ctr, struct hot_request *request)
{
	uint8_t scratch[SMR_M2_MAX];
	uint8_t rk[SMR_RK_LEN];
	struct smr_m2 m2;

	hot_check(smr_m2_open(&request->flight, smr_bytes_of(answer + COAP_ANSWER, len - COAP_ANSWER),
			      (struct smr_space){scratch, sizeof(scratch)}, &m2, rk),
		  "M2");
	if (m2.refusal != SMR_REFUSAL_NONE)
		hot_check(SMR_E_STATE, smr_refusal_text(m2.refusal));
	smr_flight_wipe(&request->flight);
	build_c1(request, rk, m2.ticket, ctr);
}
