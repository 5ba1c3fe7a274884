/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/show.h"

#include <inttypes.h>
#include <stdio.h>

#include "fleet/device.h"

struct line {
	uint64_t number;
	char eid[SMR_EID_TEXT];
	char iccid[SMR_ICCID_TEXT]; /* "": no MCIM */
	uint64_t serial;
	uint32_t promised;
	struct smr_tre_state tre;
};

static void print_json(const struct line *l)
{
	(void)printf("{\"device\": %" PRIu64 ", \"eid\": \"%s\", \"ctr\": %" PRIu32 ", \"promised\": %" PRIu32
		     ", \"mcims\": %zu, \"iccid\": ",
		     l->number, l->eid, l->tre.ctr, l->promised, l->tre.mcim_count);
	if (l->iccid[0] == '\0')
		(void)printf("null, \"serial\": null");
	else
		(void)printf("\"%s\", \"serial\": %" PRIu64, l->iccid, l->serial);
	(void)printf(", \"ticket\": %s, \"open\": %s, \"receipts\": %" PRIu32 "}\n",
		     l->tre.has_ticket ? "true" : "false", l->tre.checkin_open ? "true" : "false", l->tre.receipts);
}

static void print_words(const struct line *l)
{
	(void)printf("%6" PRIu64 "  %s  ctr %" PRIu32 "  %s%s%s\n", l->number, l->eid, l->tre.ctr,
		     l->iccid[0] == '\0' ? "no subscription" : l->iccid, l->tre.has_ticket ? ", ticket" : "",
		     l->tre.receipts > 0 ? ", receipt to report" : "");
}

static enum smr_err show_one(struct smr_engine *engine, struct smr_slot *slot, uint64_t number, bool json)
{
	struct line line = {.number = number, .promised = slot->promised};

	SMR_TRY(smr_device_state(engine, slot, &line.tre));
	smr_eid_text(&line.tre.eid, line.eid);
	if (line.tre.mcim_count > 0) {
		smr_iccid_text(&line.tre.mcims[0].iccid, line.iccid);
		line.serial = line.tre.mcims[0].serial;
	}
	(json ? print_json : print_words)(&line);
	return SMR_OK;
}

static enum smr_err show_all(struct smr_roster *roster, struct smr_engine *engine, uint64_t first, uint64_t end,
			     bool json, struct smr_problem *problem)
{
	for (uint64_t number = first; number < end; number++) {
		enum smr_err err = show_one(engine, &roster->slots[number], number, json);

		if (err != SMR_OK)
			return smr_problem(problem, err, "device %" PRIu64 ": %s", number, smr_err_text(err));
	}
	return SMR_OK;
}

enum smr_err smr_show(struct smr_roster *roster, uint64_t first, uint64_t count, bool json, struct smr_problem *problem)
{
	uint64_t live = roster->head->live;
	struct smr_population population;
	struct smr_engine *engine = NULL;
	enum smr_err err;

	if (first >= live)
		return smr_problem(problem, SMR_E_INVALID, "this fleet has %" PRIu64 " live devices, numbered from 0",
				   live);
	SMR_TRY(smr_population_init(&population, roster->head->seed));
	err = smr_engine_new(&population, &engine);
	if (err == SMR_OK)
		err = show_all(roster, engine, first, count < live - first ? first + count : live, json, problem);
	smr_engine_free(engine);
	smr_population_wipe(&population);
	return err;
}
