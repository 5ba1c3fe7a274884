/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sho_plan.h"

#include <stdlib.h>

#include "cli/cli.h"
#include "sys/clock.h"

struct planning {
	struct smr_seal_plan *plan;
	struct smr_file_reader *reader;
	struct smr_csv *csv;
	bool csv_ended;
	uint64_t now;
	struct smr_problem *problem;
};

int smr_seal_pick_compare(const void *a, const void *b)
{
	const struct smr_seal_pick *x = a;
	const struct smr_seal_pick *y = b;

	return memcmp(x->eid.octets, y->eid.octets, sizeof(x->eid.octets));
}

static enum smr_err db_fail(struct planning *p, enum smr_err err)
{
	return smr_sho_db_fail(p->plan->db, err, p->problem);
}

/* ---- subscriptions ---- */

static enum smr_err duplicate(struct planning *p, const char *field, const char *detail)
{
	return smr_csv_problem(p->csv, strcmp(field, "imsi") == 0 ? SMR_SHO_IMSI : SMR_SHO_ICCID, SMR_E_DUPLICATE,
			       p->problem, detail);
}

#define TWICE "it occurs twice in this file"

/* The next line; its identities also go into @p a. SMR_E_NOTHING at the end, also when called again. */
static enum smr_err next_line(struct planning *p, struct smr_subscription *subscription, struct smr_sho_assignment *a)
{
	enum smr_err err = p->csv_ended ? SMR_E_NOTHING : smr_sho_csv_next(p->csv, subscription, p->problem);

	if (err == SMR_E_NOTHING)
		p->csv_ended = true;
	if (err != SMR_OK)
		return err;
	a->iccid = subscription->iccid;
	a->imsi = subscription->mcim.imsi;
	return SMR_OK;
}

/* What is left is checked too: a file is good as a whole or not at all. */
static enum smr_err check_rest(struct planning *p)
{
	struct smr_subscription subscription;
	struct smr_sho_assignment a;
	enum smr_err err;

	while ((err = next_line(p, &subscription, &a)) == SMR_OK) {
		struct smr_sho_taken taken;

		SMR_WIPE(subscription);
		err = smr_sho_db_see(p->plan->db, &a.iccid, &a.imsi, p->plan->first_serial, &taken);
		if (err == SMR_E_DUPLICATE)
			return duplicate(p, taken.field, TWICE);
		if (err != SMR_OK)
			return db_fail(p, err);
		p->plan->surplus++;
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

/* ---- devices ---- */

static struct smr_seal_pick *find_pick(const struct smr_seal_plan *plan, const struct smr_eid *eid)
{
	struct smr_seal_pick key = {.eid = *eid};

	if (plan->pick_count == 0)
		return NULL;
	return bsearch(&key, plan->picks, plan->pick_count, sizeof(key), smr_seal_pick_compare);
}

/* Does the owner want it? @p a gets the hash of the order, @p encoded the order. */
static enum smr_err take_order(struct planning *p, const struct smr_seal_pick *pick, struct smr_sho_assignment *a,
			       struct smr_bytes *encoded, bool *covered)
{
	const struct smr_seal_plan *plan = p->plan;
	const struct smr_owner_order *order;
	char eid[SMR_EID_TEXT];

	*covered = true;
	*encoded = SMR_NONE;
	if (!plan->about.owner_bound)
		return SMR_OK;
	order = smr_orders_find(plan->orders, &a->eid, &plan->about.id);
	if (order != NULL) {
		a->has_order = true;
		*encoded = smr_bytes_of(order->encoded, order->encoded_len);
		return smr_order_hash(*encoded, a->order_hash);
	}
	*covered = false;
	if (pick == NULL)
		return SMR_OK;
	smr_eid_text(&a->eid, eid);
	return smr_problem(p->problem, SMR_E_ORDER, "no order of its owner covers device %s: ask the owner for one",
			   eid);
}

static enum smr_err assign(struct planning *p, struct smr_sho_assignment *a, bool replaces)
{
	struct smr_sho_taken taken = {0};
	enum smr_err err;

	a->serial = p->plan->first_serial + p->plan->count;
	a->batch = p->plan->batch;
	a->made = p->now;
	err = smr_sho_db_assign(p->plan->db, a, replaces, &taken);
	if (err == SMR_E_DUPLICATE && taken.field != NULL)
		return duplicate(p, taken.field,
				 taken.serial >= p->plan->first_serial
					 ? TWICE
					 : "it was sealed for another device before; every device needs a "
					   "subscription of its own");
	if (err == SMR_OK && p->plan->count == 0)
		err = smr_sho_db_set_origin(p->plan->db, a->batch, &p->plan->origin);
	return err == SMR_OK ? SMR_OK : db_fail(p, err);
}

static enum smr_err assign_and_hand_on(struct planning *p, const struct smr_shipment_record *device,
				       struct smr_sho_assignment *a, bool replaces, struct smr_bytes order)
{
	struct smr_subscription subscription;
	const struct smr_seal_planned planned = {device, &subscription, p->plan->first_serial + p->plan->count, order};
	enum smr_err err = next_line(p, &subscription, a);

	if (err == SMR_E_NOTHING) {
		p->plan->missing++;
		return SMR_OK;
	}
	if (err == SMR_OK)
		err = assign(p, a, replaces);
	if (err == SMR_OK)
		err = p->plan->planned(p->plan->context, &planned);
	if (err == SMR_OK)
		p->plan->count++;
	SMR_WIPE(subscription);
	return err;
}

/* ---- which keys of the device? ---- */

enum keys { KEYS_KNOWN, KEYS_RENEWED, KEYS_HISTORY, KEYS_FOREIGN };

/* Numbers of a supplier ascend: a later shipment that names the device again brings the keys of a new enrolment. */
static enum smr_err compare_origin(struct planning *p, const struct smr_eid *eid, bool has_live, enum keys *keys,
				   struct smr_sho_origin *known)
{
	const struct smr_sho_origin *here = &p->plan->origin;
	enum smr_err err = smr_sho_db_origin(p->plan->db, eid, has_live, known);

	if (err != SMR_OK)
		return db_fail(p, err);
	*keys = KEYS_KNOWN;
	if (known->number == 0)
		return SMR_OK;
	if (memcmp(known->supplier, here->supplier, sizeof(known->supplier)) != 0)
		*keys = KEYS_FOREIGN;
	else if (here->number != known->number)
		*keys = here->number > known->number ? KEYS_RENEWED : KEYS_HISTORY;
	return SMR_OK;
}

static enum smr_err refuse_keys(struct planning *p, const struct smr_eid *eid, enum keys keys,
				const struct smr_sho_origin *known)
{
	unsigned long long number = (unsigned long long)known->number;
	char text[SMR_EID_TEXT];

	smr_eid_text(eid, text);
	if (keys == KEYS_RENEWED)
		return smr_problem(
			p->problem, SMR_E_STATE,
			"device %s was enrolled anew since shipment %llu: its subscription of before ends when it "
			"is sealed for its new keys. If that is right (ask the supplier), name it with "
			"--re-enrolled",
			text, number);
	if (keys == KEYS_HISTORY)
		return smr_problem(p->problem, SMR_E_SERIAL,
				   "device %s was enrolled anew in shipment %llu: seal from that shipment", text,
				   number);
	return smr_problem(p->problem, SMR_E_UNTRUSTED_KEY,
			   "device %s was shipped by another supplier before; its keys cannot come from this one",
			   text);
}

/* May its keys be sealed for? Who names a device is told why not; of a whole shipment the others go on. */
static enum smr_err check_keys(struct planning *p, const struct smr_seal_pick *pick, const struct smr_eid *eid,
			       bool has_live, bool *yes)
{
	struct smr_sho_origin known;
	enum keys keys = KEYS_KNOWN;

	SMR_TRY(compare_origin(p, eid, has_live, &keys, &known));
	*yes = keys == KEYS_KNOWN || (keys == KEYS_RENEWED && pick != NULL && pick->renewed);
	if (*yes)
		return SMR_OK;
	if (pick != NULL || keys == KEYS_FOREIGN)
		return refuse_keys(p, eid, keys, &known);
	if (keys == KEYS_RENEWED)
		p->plan->renewed++;
	else
		p->plan->history++;
	return SMR_OK;
}

static bool is_meant(const struct smr_seal_plan *plan, const struct smr_seal_pick *pick)
{
	if (pick != NULL)
		return !pick->except;
	return plan->pick_count == 0 || plan->picks[0].except;
}

static enum smr_err plan_device(struct planning *p, const struct smr_shipment_record *device)
{
	struct smr_seal_plan *plan = p->plan;
	struct smr_seal_pick *pick = find_pick(plan, &device->eid);
	struct smr_sho_assignment a = {.eid = device->eid};
	struct smr_bytes order;
	bool has_live;
	bool yes;
	enum smr_err err;

	if (pick != NULL)
		pick->found = true;
	if (!is_meant(plan, pick))
		return SMR_OK;
	err = smr_sho_db_has_live(plan->db, &device->eid, &has_live);
	if (err != SMR_OK)
		return db_fail(p, err);
	if (has_live && (pick == NULL || !pick->reseal)) {
		plan->already++;
		return SMR_OK;
	}
	SMR_TRY(check_keys(p, pick, &device->eid, has_live, &yes));
	if (!yes)
		return SMR_OK;
	SMR_TRY(take_order(p, pick, &a, &order, &yes));
	if (yes)
		return assign_and_hand_on(p, device, &a, has_live, order);
	plan->uncovered++;
	return SMR_OK;
}

static enum smr_err plan_devices(struct planning *p)
{
	const char *path = p->plan->shipment_path;
	struct smr_shipment_record record;
	struct smr_bytes encoded;
	enum smr_err err;

	while ((err = smr_file_next(p->reader, &encoded)) == SMR_OK) {
		err = smr_get_shipment_record(encoded, &record);
		if (err != SMR_OK)
			return smr_cli_record(path, p->reader, err == SMR_E_CHECK_DIGIT ? "eid or imei" : "device", err,
					      p->problem);
		SMR_TRY(plan_device(p, &record));
	}
	return err == SMR_E_NOTHING ? SMR_OK : smr_cli_record(path, p->reader, NULL, err, p->problem);
}

static enum smr_err check_picks(struct planning *p)
{
	char eid[SMR_EID_TEXT];

	for (size_t i = 0; i < p->plan->pick_count; i++) {
		if (p->plan->picks[i].found)
			continue;
		smr_eid_text(&p->plan->picks[i].eid, eid);
		return smr_problem(p->problem, SMR_E_NOT_FOUND, "device %s is not in %s", eid, p->plan->shipment_path);
	}
	return SMR_OK;
}

static enum smr_err check_result(struct planning *p)
{
	const struct smr_seal_plan *plan = p->plan;

	if (plan->count > 0)
		return SMR_OK;
	if (plan->uncovered > 0)
		return smr_problem(p->problem, SMR_E_ORDER,
				   "no order of the owner covers the devices of %s: ask the owner for one",
				   plan->shipment_path);
	if (plan->missing > 0)
		return smr_problem(p->problem, SMR_E_MALFORMED, "%s: there is no subscription in it", plan->csv_path);
	return SMR_OK;
}

enum smr_err smr_seal_plan(struct smr_seal_plan *plan, struct smr_file_reader *reader, struct smr_problem *problem)
{
	struct planning p = {.plan = plan, .reader = reader, .now = smr_clock_unix(), .problem = problem};
	enum smr_err err = smr_sho_csv_open(plan->csv_path, &p.csv, problem);

	if (err != SMR_OK)
		return err;
	err = plan_devices(&p);
	if (err == SMR_OK)
		err = check_rest(&p);
	smr_csv_close(p.csv);
	if (err == SMR_OK)
		err = check_picks(&p);
	return err == SMR_OK ? check_result(&p) : err;
}
