/* SPDX-License-Identifier: Apache-2.0 */
#include "server/admission.h"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

#include "server/budget.h"
#include "server/gates.h"
#include "server/later.h"
#include "server/load.h"
#include "server/recent.h"
#include "sys/clock.h"

/* Ages up to which a kind of first contact is served, in targets. */
#define LIMIT_ECHO 2u
#define LIMIT_CHALLENGE \
	3u /* above Echo alone: whoever has a gate MAC always gets to show it; below gate: who shows it is served */
#define LIMIT_GATE 4u
#define LIMIT_OVER_BUDGET 1u
#define LIMIT_GATE_OVER_BUDGET 2u

struct smr_admission {
	const struct smr_server_config *config;
	struct smr_metrics *metrics;
	uint8_t key[SMR_SIPHASH_KEY_LEN]; /* of the tables below; this process's alone */
	uint64_t now_us;
	uint32_t drops; /* of the socket, as the kernel counts them */
	struct smr_load load;
	struct smr_later later;
	struct smr_gates gates;
	struct smr_budget budget;
	struct smr_recent *recent;
};

/* ---- life ---- */

enum smr_err smr_admission_new(const struct smr_server_config *config, struct smr_metrics *metrics,
			       struct smr_admission **out)
{
	struct smr_admission *a = calloc(1, sizeof(*a));
	enum smr_err err;

	if (a == NULL)
		return SMR_E_NO_MEMORY;
	a->config = config;
	a->metrics = metrics;
	a->load.target_us = config->target_ms * 1000;
	a->load.hold_us = config->hold_s * 1000000;
	a->later.min_us = config->later_min_s * 1000000;
	a->later.max_us = config->later_max_s * 1000000;
	a->gates.max = (size_t)config->gate_keys;
	a->gates.slow_us = 2 * a->later.max_us;
	a->budget.key = a->key;
	a->budget.rate = config->prefix_rate;
	a->recent = smr_recent_new((size_t)config->answers, a->key);
	err = a->recent == NULL ? SMR_E_NO_MEMORY : smr_random(a->key, sizeof(a->key));
	if (err != SMR_OK) {
		smr_admission_free(a);
		return err;
	}
	*out = a;
	return SMR_OK;
}

void smr_admission_free(struct smr_admission *a)
{
	if (a == NULL)
		return;
	smr_recent_free(a->recent);
	smr_gates_wipe(&a->gates);
	free(a);
}

/* ---- load ---- */

void smr_admission_note(struct smr_admission *a, uint64_t now_us, uint64_t age_us)
{
	a->now_us = now_us;
	smr_load_note(&a->load, now_us, age_us);
	SMR_COUNT_UP(a->metrics, batches_loaded, smr_load_is(&a->load) ? 1 : 0);
}

/** Is the socket's buffer filling up? Where the kernel allows a small one only, it is full before anything in it is old. Also counts what never
 * got here. */
static bool is_filling(struct smr_admission *a, int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	uint32_t dropped;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) != 0 || len < sizeof(info))
		return false;
	dropped = info[SK_MEMINFO_DROPS] - a->drops;
	SMR_COUNT_UP(a->metrics, socket_drops, dropped);
	a->drops = info[SK_MEMINFO_DROPS];
	return dropped > 0 || info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2;
}

/* The kernel's stamps are of the clock that may jump: a jump forward looks like an old queue for one note, which does not count by itself. */
void smr_admission_observe(struct smr_admission *a, int fd)
{
	struct timespec arrived;
	struct timespec now;
	int64_t age_us = 0;

	/* The first call turns stamping on, and finds none yet. */
	if (ioctl(fd, SIOCGSTAMPNS, &arrived) == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0)
		age_us = (int64_t)(now.tv_sec - arrived.tv_sec) * 1000000 + (now.tv_nsec - arrived.tv_nsec) / 1000;
	if (is_filling(a, fd) && age_us < (int64_t)a->load.target_us)
		age_us = (int64_t)a->load.target_us;
	smr_admission_note(a, smr_clock_us(), age_us > 0 ? (uint64_t)age_us : 0);
}

bool smr_admission_is_loaded(const struct smr_admission *a)
{
	return smr_load_is(&a->load);
}

/* ---- the rule ---- */

static unsigned limit_of(const struct smr_server_config *config, enum smr_proof proof, bool within)
{
	if (proof == SMR_PROOF_GATE)
		return within ? LIMIT_GATE : LIMIT_GATE_OVER_BUDGET;
	/* Where nothing may be demanded everybody is as good as with a gate MAC. */
	if (config->demand == SMR_DEMAND_NEVER)
		return LIMIT_GATE;
	return within ? LIMIT_ECHO : LIMIT_OVER_BUDGET;
}

static bool is_demanded(const struct smr_server_config *config, bool loaded)
{
	return config->demand == SMR_DEMAND_ALWAYS || (config->demand == SMR_DEMAND_AUTO && loaded);
}

enum smr_admit smr_admission_decide(const struct smr_server_config *config, bool loaded, uint64_t age_us,
				    enum smr_proof proof, bool within)
{
	uint64_t targets = loaded ? age_us / (config->target_ms * 1000) : 0;

	if (is_demanded(config, loaded)) {
		if (proof == SMR_PROOF_NONE)
			return targets < LIMIT_CHALLENGE ? SMR_ADMIT_CHALLENGE : SMR_ADMIT_LATER;
		if (proof == SMR_PROOF_ECHO && config->gate == SMR_GATE_REQUIRE)
			return SMR_ADMIT_LATER;
	}
	return targets < limit_of(config, proof, within) ? SMR_ADMIT : SMR_ADMIT_LATER;
}

/* ---- one request ---- */

static bool passes_gate(struct smr_admission *a, const struct smr_steps *steps, struct smr_bytes m1,
			struct smr_bytes mac)
{
	uint8_t hash[SMR_HASH_LEN];
	bool pass = mac.len == SMR_GATE_MAC_LEN && smr_sha256(&m1, 1, hash) == SMR_OK &&
		    smr_gates_pass(&a->gates, steps->ring, a->now_us, hash, mac.ptr);

	SMR_COUNT_UP(a->metrics, gate_accepted, pass ? 1 : 0);
	SMR_COUNT_UP(a->metrics, gate_refused, !pass && mac.len ? 1 : 0);
	return pass;
}

static bool within_budget(struct smr_admission *a, const struct smr_address *from)
{
	bool within = smr_budget_take(&a->budget, from, a->now_us);

	SMR_COUNT_UP(a->metrics, over_budget, within ? 0 : 1);
	return within;
}

static enum smr_proof proof_of(struct smr_admission *a, const struct smr_item *item, const struct smr_steps *steps,
			       struct smr_bytes m1, struct smr_bytes mac)
{
	if (!item->proved)
		return SMR_PROOF_NONE;
	return passes_gate(a, steps, m1, mac) ? SMR_PROOF_GATE : SMR_PROOF_ECHO;
}

static bool repeat_answer(struct smr_admission *a, struct smr_item *item, const struct smr_address *from)
{
	struct smr_bytes answer = SMR_NONE;

	/* What was answered while proofs were demanded had one, and its repetition has it too: a flood without is not looked up. */
	if (item->proved || a->config->demand == SMR_DEMAND_NEVER)
		answer = smr_recent_get(a->recent, smr_bytes_of(item->in, item->in_len), from, a->now_us);
	if (answer.len == 0 || answer.len > sizeof(item->out))
		return false;
	memcpy(item->out, answer.ptr, answer.len);
	item->out_len = answer.len;
	item->stage = SMR_STAGE_SEND;
	SMR_COUNT_UP(a->metrics, answers_repeated, 1);
	return true;
}

static void send_away(struct smr_admission *a, struct smr_item *item, const struct smr_steps *steps,
		      const struct smr_address *from)
{
	uint64_t hash = smr_siphash(a->key, smr_bytes_of((const uint8_t *)from, sizeof(*from)));
	struct smr_coap_answer answer = {.code = SMR_COAP_UNAVAILABLE};

	answer.max_age_s = smr_later_seconds(&a->later, a->now_us, item->proved, (uint32_t)hash);
	SMR_COUNT_UP(a->metrics, told_later, 1);
	smr_item_finish(item, steps, &answer);
}

/** Is there anything to decide? On a calm server there is not. */
static bool is_watching(const struct smr_admission *a)
{
	return a->config->demand == SMR_DEMAND_ALWAYS || smr_load_is(&a->load);
}

bool smr_admission_admit(struct smr_admission *a, struct smr_item *item, const struct smr_steps *steps,
			 struct smr_bytes m1, struct smr_bytes mac)
{
	struct smr_address from;
	enum smr_proof proof;
	bool within;

	if (a == NULL || !is_watching(a))
		return true;
	from = smr_address_of(&item->from);
	if (repeat_answer(a, item, &from))
		return false;
	proof = proof_of(a, item, steps, m1, mac);
	/* Whoever has not proved his address would use up somebody else's. */
	within = proof != SMR_PROOF_NONE && within_budget(a, &from);
	switch (smr_admission_decide(a->config, smr_load_is(&a->load), a->load.age_us, proof, within)) {
	case SMR_ADMIT:
		smr_later_admitted(&a->later, a->now_us);
		return true;
	case SMR_ADMIT_CHALLENGE:
		smr_item_challenge(item, steps);
		break;
	case SMR_ADMIT_LATER:
		send_away(a, item, steps, &from);
		break;
	}
	return false;
}

void smr_admission_answered(struct smr_admission *a, const struct smr_item *item, const struct smr_steps *steps,
			    const struct smr_shipment_id *shipment)
{
	struct smr_address from;

	if (a == NULL || item->stage != SMR_STAGE_SEND)
		return;
	smr_gates_seen(&a->gates, steps->ring, shipment);
	if (!is_watching(a))
		return;
	from = smr_address_of(&item->from);
	smr_recent_put(a->recent, smr_bytes_of(item->in, item->in_len), &from, smr_bytes_of(item->out, item->out_len),
		       a->now_us);
}
