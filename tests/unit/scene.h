/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file scene.h
 * A device, its server and the parties behind them, for tests of the messages: keys made once, realistic content,
 * and one flight in each of its stages. Include after cmocka.h.
 */
#ifndef SMR_TESTS_UNIT_SCENE_H
#define SMR_TESTS_UNIT_SCENE_H

#include "core/checkin.h"

struct key_pair {
	struct smr_privkey own;
	struct smr_pubkey pub;
};

struct scene {
	struct key_pair q, d, t, supplier, root, owner, operator_key;
	struct smr_evidence evidence; /* nothing installed, with a beacon */
	uint8_t certificate_room[SMR_CERTIFICATE_MAX];
	struct smr_bytes certificate;
	uint8_t order_room[SMR_ORDER_MAX];
	struct smr_bytes order;
	uint8_t flight_key_room[SMR_FLIGHT_KEY_MAX];
	struct smr_bytes flight_key;
	uint8_t command_room[SMR_COMMAND_MAX];
	struct smr_bytes command;
	uint8_t x_room[SMR_X_MAX];
	struct smr_package package; /* MILENAGE, without order */
	uint8_t x_tuak_room[SMR_X_MAX];
	struct smr_package package_tuak; /* with order */
	struct smr_beacon beacon;
	struct smr_ticket_key tk;
	struct smr_ticket ticket;
	uint8_t sealed_room[SMR_TICKET_MAX];
	struct smr_bytes sealed_ticket;
	struct smr_receipt install_receipt;
	struct smr_receipt command_receipt;
	struct smr_report idle_report; /* nothing to report */
};

/** The server's, of whatever ticket key a test uses. */
extern struct smr_ticket_lanes scene_lanes;

#define SCENE_Q_NUMBER 0xc0ffee01u

/** What the TPM of the scene adds to its quotes; numbers as long as they get. */
extern const struct smr_tpm_quote scene_quote;
/** The TPM: it quotes the measurement of s->evidence with s->d. */
struct smr_attester scene_tpm(struct scene *s);

/** cmocka group fixture: *state is a struct scene. */
int scene_setup(void **state);
int scene_teardown(void **state);

/** A flight from M1 to the keys of M2. Release with run_wipe. */
struct run {
	uint8_t m1_room[SMR_M1_MAX];
	struct smr_space m1;
	struct smr_flight flight;
	uint8_t m1_scratch[SMR_M1_MAX];
	struct smr_m1 opened;
	struct smr_m2_keys keys;
};
/** Builds M1 from s->evidence and @p certificate, opens and verifies it, makes keys. Fails the test on any error. */
void run_start(struct run *run, struct scene *s, struct smr_bytes certificate);
/** The same of a device whose d is in a TPM, with scene_quote. */
void run_start_tpm(struct run *run, struct scene *s, struct smr_bytes certificate);
void run_wipe(struct run *run);

/** The package in M2 with a ticket, nothing else. */
struct smr_m2 answer_with_package(const struct scene *s);

struct answer {
	uint8_t room[SMR_M2_MAX];
	struct smr_space m2;
};

/** Seal @p m2 under the keys of @p run; a view into @p answer. */
struct smr_bytes seal_answer(struct answer *answer, const struct run *run, const struct smr_m2 *m2);

struct opened_answer {
	uint8_t scratch[SMR_M2_MAX];
	struct smr_m2 m2;
	uint8_t rk[SMR_RK_LEN];
};

enum smr_err open_answer(struct opened_answer *out, const struct smr_flight *flight, struct smr_bytes datagram);
/** Open @p datagram into run->opened, instead of what is there. */
enum smr_err open_request(struct run *run, const struct smr_privkey *q, struct smr_bytes datagram);

void assert_bytes_equal(struct smr_bytes a, struct smr_bytes b);
void assert_same_evidence(const struct smr_evidence *a, const struct smr_evidence *b);
struct smr_bytes view(struct smr_space space);
bool is_zero(const void *ptr, size_t len);
/** Does @p needle occur in @p hay? */
bool occurs(const void *hay, size_t hay_len, const void *needle, size_t needle_len);

#endif
