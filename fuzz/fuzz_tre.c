/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: tre/engine.c tre/flight.c tre/install.c tre/checkin.c tre/command.c tre/enrol.c tre/authenticate.c tre/linux/dispatch.c. Dictionary: cbor. */
/*
 * The TRE's engine behind its dispatcher: an enrolled device gets packets in any order. The input is
 * (kind, be16 length, octets)…; kind 0: a packet as it is; 1: the octets as the plaintext of M2, sealed by the RO to
 * the open request; 2: the same for C2; 3: M2 with a package that the device takes; 4: C2 with a command that it obeys; 5: a challenge
 * of the operator, with the octets as SQN and AMF.
 * So both a hostile agent and a dishonest RO are tried, before and after the subscription is installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fuzz/fuzz.h"

#include "core/answer.h"
#include "core/sealed.h"
#include "tests/unit/tre_rig.h"
#include "tre/linux/dispatch.h"

#define PACKETS_MAX 12u

static struct rig rig;
static struct rig_platform enrolled; /* what the platform holds after enrolment */

/* What the RO got last, and the key of the ticket that it gave out last. */
struct message {
	uint8_t octets[SMR_M1_MAX];
	size_t len;
};
static struct message m1;
static struct message c1;
static struct smr_ticket ticket;
static struct rig_package package; /* sealed by the operator for this device */
static uint8_t command_room[SMR_COMMAND_MAX];
static struct smr_bytes command; /* signed by the operator */

static void prepare(void)
{
	static bool done;

	if (!done) {
		rig_init(&rig);
		rig_enrol(&rig, true);
		enrolled = rig.platform;
		rig_package(&rig, &package, &rig.op, 1, true);
		command = smr_bytes_of(command_room, rig_command(&rig, command_room, &rig.op, &package.package, 2,
								 SMR_MCIM_SUSPENDED));
	}
	done = true;
	smr_tre_stop(rig.tre);
	rig.platform = enrolled;
	m1.len = 0;
	c1.len = 0;
	FUZZ_CHECK(smr_tre_start(rig.tre, &rig.port) == SMR_OK);
}

static struct smr_bytes octets_of(const struct message *message)
{
	return smr_bytes_of(message->octets, message->len);
}

static void keep(struct message *message, struct smr_bytes octets)
{
	FUZZ_CHECK(octets.len <= sizeof(message->octets));
	memcpy(message->octets, octets.ptr, octets.len);
	message->len = octets.len;
}

/* Any packet gets an answer that a client understands. */
static void dispatch(struct smr_bytes packet)
{
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_bytes answer = SMR_NONE;
	struct smr_tre_answer decoded;
	struct smr_tre_done done;

	smr_tre_dispatch(rig.tre, packet, (struct smr_space){room, sizeof(room)}, &answer, &done);
	FUZZ_CHECK(answer.len > 0);
	FUZZ_CHECK(smr_tre_answer_decode(done.op == 0 ? SMR_TRE_STATE : done.op, answer, &decoded) == SMR_OK);
	FUZZ_CHECK(decoded.err == done.result);
	if (done.op == SMR_TRE_FLIGHT_START && done.result == SMR_OK)
		keep(&m1, decoded.u.message);
	if (done.op == SMR_TRE_CHECKIN_START && done.result == SMR_OK)
		keep(&c1, decoded.u.message);
}

/* An answer: [ head, sealed ]. */
static void complete(enum smr_tre_op op, struct smr_bytes head, const uint8_t *key, const uint8_t *nonce,
		     struct smr_bytes ad, struct smr_bytes plain)
{
	uint8_t message[SMR_TRE_PACKET_MAX];
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){message, sizeof(message)});
	struct smr_tre_request request = {.op = op};
	struct smr_bytes packet;

	smr_put_array(&w, 2);
	smr_put_bytes(&w, head);
	if (smr_put_sealed(&w, key, nonce, ad, fuzz_put_octets, &plain) == SMR_OK &&
	    smr_writer_done(&w, &request.u.message) == SMR_OK &&
	    smr_tre_request_encode(&request, (struct smr_space){room, sizeof(room)}, &packet) == SMR_OK)
		dispatch(packet);
}

static void answer_flight(struct smr_bytes plain)
{
	uint8_t scratch[SMR_M1_MAX];
	struct smr_m2_keys keys;
	struct smr_m1 opened;

	if (smr_m1_open(&rig.q.own, octets_of(&m1), (struct smr_space){scratch, sizeof(scratch)}, &opened) != SMR_OK)
		return; /* none is open */
	FUZZ_CHECK(smr_m2_keys(&opened, &keys) == SMR_OK);
	memcpy(ticket.rk, keys.rk, sizeof(ticket.rk));
	complete(SMR_TRE_FLIGHT_COMPLETE, SMR_ARRAY(keys.f), keys.m2, smr_nonce_zero, SMR_ARRAY(keys.f), plain);
	smr_m1_wipe(&opened);
}

static void answer_checkin(struct smr_bytes plain)
{
	struct smr_c2_keys keys;
	struct smr_c1 opened;

	if (smr_c1_open(&ticket, octets_of(&c1), &opened) != SMR_OK)
		return; /* none is open, or it was made with another ticket */
	FUZZ_CHECK(smr_c2_keys(&opened.keys, &keys) == SMR_OK);
	memcpy(ticket.rk, keys.rk, sizeof(ticket.rk));
	complete(SMR_TRE_CHECKIN_COMPLETE, SMR_ARRAY(keys.r), opened.keys.response_key, keys.r, SMR_NONE, plain);
}

static void put_own_package(struct smr_writer *w, const void *content)
{
	smr_put_package(w, content);
}

static void put_own_command(struct smr_writer *w, const void *content)
{
	smr_put_array(w, 1);
	smr_put_bytes(w, *(const struct smr_bytes *)content);
}

/* The plaintext of an honest answer. */
static struct smr_bytes honest(struct smr_space space, smr_put_own *own, const void *content)
{
	static const uint8_t any_ticket[SMR_TICKET_OVERHEAD] = {1};
	const struct smr_answer answer = {.ticket = SMR_ARRAY(any_ticket)};
	struct smr_writer w = smr_writer_init(space);
	struct smr_bytes plain;

	smr_put_answer(&w, &answer, own, content);
	FUZZ_CHECK(smr_writer_done(&w, &plain) == SMR_OK);
	return plain;
}

/* A challenge that only the SQN can make wrong: at most 6 octets of SQN, 2 of AMF. */
static void challenge(struct smr_bytes octets)
{
	uint8_t values[8] = {0};
	uint8_t room[64];
	struct smr_tre_request request = {.op = SMR_TRE_AUTHENTICATE};
	struct smr_aka_vector v;
	struct smr_bytes packet;

	if (octets.len > 0)
		memcpy(values, octets.ptr, octets.len < sizeof(values) ? octets.len : sizeof(values));
	FUZZ_CHECK(smr_aka_vector(&rig.aka, request.u.authenticate.rand, smr_get_be64(values) >> 16, values + 6, &v) ==
		   SMR_OK);
	memcpy(request.u.authenticate.rand, v.rand, sizeof(v.rand));
	memcpy(request.u.authenticate.autn, v.autn, sizeof(v.autn));
	FUZZ_CHECK(smr_tre_request_encode(&request, (struct smr_space){room, sizeof(room)}, &packet) == SMR_OK);
	dispatch(packet);
}

static void step(unsigned kind, struct smr_bytes octets)
{
	uint8_t room[SMR_M2_MAX];
	const struct smr_space space = {room, sizeof(room)};

	switch (kind) {
	case 0:
		dispatch(octets);
		break;
	case 1:
		answer_flight(octets);
		break;
	case 2:
		answer_checkin(octets);
		break;
	case 3:
		answer_flight(honest(space, put_own_package, &package.package));
		break;
	case 4:
		answer_checkin(honest(space, put_own_command, &command));
		break;
	default:
		challenge(octets);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t pos = 0;

	prepare();
	for (unsigned i = 0; i < PACKETS_MAX && len - pos >= 3; i++) {
		size_t want = smr_get_be16(data + pos + 1);
		size_t got = want < len - pos - 3 ? want : len - pos - 3;

		step(data[pos] % 6, smr_bytes_of(data + pos + 3, got));
		pos += 3 + got;
	}
	return 0;
}
