/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay to the operators. A file is a range of sequences of one operator, fixed before the first octet of the file
 * is written: whatever happens between writing file N and noting that it is written, file N is written again with
 * exactly the same records, and an acknowledgement of it, which may be there already, covers all that is in it and
 * nothing else.
 */
#include <stdlib.h>

#include "store/local.h"

static enum smr_err known_operator(struct smr_store *store, const struct smr_key_id *id, struct smr_operator_row *out)
{
	SMR_TRY(smr_operator_get(store, id, out));
	return out->number != 0 ? SMR_OK : smr_store_say(store, SMR_E_NOT_FOUND, "the operator is not known");
}

/* ---- out ---- */

/* Sequence of the last of at most @p limit records that wait; relay_last: none waits. */
static enum smr_err last_of_next(struct smr_store *store, const struct smr_operator_row *op, size_t limit,
				 uint64_t *last)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_RELAY_NTH);

	*last = op->relay_last;
	smr_query_int(&q, op->number);
	smr_query_int(&q, op->relay_last);
	smr_query_int(&q, limit > INT32_MAX ? INT32_MAX : limit);
	while (smr_query_step(&q))
		*last = smr_column_int(&q, 0);
	return smr_query_end(&q);
}

static enum smr_err set_reserved(struct smr_store *store, const struct smr_operator_row *op)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_RELAY_RESERVE);

	smr_query_int(&q, op->number);
	smr_query_int(&q, op->relay_reserved);
	return smr_query_run(&q);
}

static enum smr_err reserve(struct smr_store *store, const struct smr_key_id *operator_id, size_t limit,
			    struct smr_operator_row *op)
{
	uint64_t last;

	/* Again, inside the transaction: another relay may have been quicker. */
	SMR_TRY(known_operator(store, operator_id, op));
	if (op->relay_reserved != 0)
		return SMR_OK;
	SMR_TRY(store->driver->still_relay(store));
	SMR_TRY(last_of_next(store, op, limit, &last));
	if (last == op->relay_last)
		return SMR_OK;
	op->relay_reserved = last;
	return set_reserved(store, op);
}

/* Writes only when there is something to reserve: this is called every second for every operator. */
static enum smr_err reserved_range(struct smr_store *store, const struct smr_key_id *operator_id, size_t limit,
				   struct smr_operator_row *op)
{
	uint64_t last;

	SMR_TRY(known_operator(store, operator_id, op));
	if (op->relay_reserved != 0)
		return SMR_OK;
	SMR_TRY(last_of_next(store, op, limit, &last));
	if (last == op->relay_last)
		return SMR_OK;
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, reserve(store, operator_id, limit, op));
}

static void read_relay(struct smr_query *q, struct smr_store_relay *out)
{
	struct smr_evidence_record *record = &out->record;
	struct smr_receipt *receipt = &record->receipt;

	memset(record, 0, sizeof(*record));
	out->sequence = smr_column_int(q, 0);
	smr_column_fixed(q, 1, record->eid.octets, sizeof(record->eid.octets));
	smr_column_fixed(q, 2, record->iccid.octets, sizeof(record->iccid.octets));
	record->serial = smr_column_int(q, 3);
	receipt->kind = (enum smr_receipt_kind)smr_column_int(q, 4);
	receipt->result = (uint32_t)smr_column_int(q, 5);
	receipt->iccid = record->iccid;
	receipt->serial = record->serial;
	smr_column_fixed(q, 6, receipt->mac, sizeof(receipt->mac));
	record->evidence = smr_column_bytes(q, 7);
	if (record->evidence.len > 0) {
		smr_column_fixed(q, 8, record->e, sizeof(record->e));
		smr_column_fixed(q, 9, record->q, sizeof(record->q));
	}
}

static struct smr_query range_query(struct smr_store *store, uint64_t operator_number, uint64_t after, uint64_t last)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_RELAY_RANGE);

	smr_query_int(&q, operator_number);
	smr_query_int(&q, after);
	smr_query_int(&q, last);
	return q;
}

static enum smr_err each_in_range(struct smr_store *store, const struct smr_operator_row *op,
				  const struct smr_key_id *operator_id, uint64_t after, uint64_t last,
				  void (*each)(void *context, const struct smr_store_relay *relay), void *context,
				  size_t *count)
{
	struct smr_store_relay relay = {.operator_id = *operator_id};
	struct smr_query q = range_query(store, op->number, after, last);

	while (smr_query_step(&q)) {
		read_relay(&q, &relay);
		if (q.err != SMR_OK)
			break;
		each(context, &relay);
		++*count;
	}
	return smr_query_end(&q);
}

enum smr_err smr_store_relay_next(struct smr_store *store, const struct smr_key_id *operator_id, size_t limit,
				  void (*each)(void *context, const struct smr_store_relay *relay), void *context,
				  uint64_t *last_sequence, size_t *count)
{
	struct smr_operator_row op;

	*last_sequence = 0;
	*count = 0;
	SMR_TRY(reserved_range(store, operator_id, limit, &op));
	if (op.relay_reserved == 0)
		return SMR_OK;
	*last_sequence = op.relay_reserved;
	return each_in_range(store, &op, operator_id, op.relay_last, op.relay_reserved, each, context, count);
}

static enum smr_err get_file(struct smr_store *store, const struct smr_operator_row *op, uint64_t number,
			     uint64_t *after, uint64_t *last)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_RELAY_FILE_GET);

	*after = 0;
	*last = 0;
	smr_query_int(&q, op->number);
	smr_query_int(&q, number);
	if (smr_query_step(&q)) {
		*after = smr_column_int(&q, 0);
		*last = smr_column_int(&q, 1);
	}
	return smr_query_end(&q);
}

enum smr_err smr_store_relay_open_files(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t after,
					uint64_t *numbers, size_t *count)
{
	struct smr_operator_row op;
	struct smr_query q;
	size_t room = *count;

	*count = 0;
	SMR_TRY(known_operator(store, operator_id, &op));
	q = smr_query_begin(store, SMR_SQL_RELAY_FILE_LIST);
	smr_query_int(&q, op.number);
	smr_query_int(&q, after);
	smr_query_int(&q, room);
	while (*count < room && smr_query_step(&q))
		numbers[(*count)++] = smr_column_int(&q, 0);
	return smr_query_end(&q);
}

enum smr_err smr_store_relay_again(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t number,
				   void (*each)(void *context, const struct smr_store_relay *relay), void *context,
				   size_t *count)
{
	struct smr_operator_row op;
	uint64_t after;
	uint64_t last;

	*count = 0;
	SMR_TRY(known_operator(store, operator_id, &op));
	SMR_TRY(get_file(store, &op, number, &after, &last));
	return last == 0 ? SMR_OK : each_in_range(store, &op, operator_id, after, last, each, context, count);
}

static enum smr_err put_file(struct smr_store *store, const struct smr_operator_row *op, uint64_t last, uint64_t number)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_RELAY_FILE_PUT);

	smr_query_int(&q, op->number);
	smr_query_int(&q, number);
	smr_query_int(&q, op->relay_last);
	smr_query_int(&q, last);
	SMR_TRY(smr_query_run(&q));
	q = smr_query_begin(store, SMR_SQL_RELAY_SPOOLED);
	smr_query_int(&q, op->number);
	smr_query_int(&q, number);
	smr_query_int(&q, last);
	return smr_query_run(&q);
}

static enum smr_err spooled(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t last_sequence,
			    uint64_t number)
{
	struct smr_operator_row op;

	SMR_TRY(known_operator(store, operator_id, &op));
	if (number == op.relay_number && number != 0 && last_sequence == op.relay_last)
		return SMR_OK; /* noted before */
	if (number != op.relay_number + 1 || op.relay_reserved == 0 || last_sequence != op.relay_reserved)
		return smr_store_say(store, SMR_E_INVALID, "relay: this is not the next file of this operator");
	return put_file(store, &op, last_sequence, number);
}

enum smr_err smr_store_relay_spooled(struct smr_store *store, const struct smr_key_id *operator_id,
				     uint64_t last_sequence, uint64_t number)
{
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, spooled(store, operator_id, last_sequence, number));
}

enum smr_err smr_store_relay_number(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t *number)
{
	struct smr_operator_row op;

	SMR_TRY(smr_operator_get(store, operator_id, &op));
	*number = op.relay_number;
	return SMR_OK;
}

/* ---- back ---- */

/* What is left of a file, matched against the acknowledgement. */
struct clearing {
	struct smr_store *store;
	const struct smr_operator_row *op;
	const struct smr_ack_record **sorted;
	size_t ack_count;
	struct gone {
		struct smr_eid eid;
		uint64_t sequence;
	} * gone; /* to delete */
	size_t gone_count;
	size_t gone_room;
	size_t left;
};

/* By subject, and for one subject the rejection first: it is the one that counts when an AuC says both. */
static int compare_subjects(const struct smr_ack_record *a, const struct smr_ack_record *b)
{
	int order = memcmp(&a->eid, &b->eid, sizeof(a->eid));

	if (order == 0)
		order = memcmp(&a->iccid, &b->iccid, sizeof(a->iccid));
	if (order == 0)
		order = (a->serial > b->serial) - (a->serial < b->serial);
	return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static int compare_acks(const void *a, const void *b)
{
	const struct smr_ack_record *const *left = a;
	const struct smr_ack_record *const *right = b;
	int order = compare_subjects(*left, *right);

	return order != 0 ? order : (int)(*right)->verdict - (int)(*left)->verdict;
}

static const struct smr_ack_record *find_ack(const struct clearing *c, const struct smr_evidence_record *record)
{
	struct smr_ack_record key = {record->eid, record->iccid, record->serial, record->receipt.kind,
				     SMR_ACK_ACCEPTED};
	size_t low = 0;
	size_t high = c->ack_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_subjects(c->sorted[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->ack_count && compare_subjects(c->sorted[low], &key) == 0 ? c->sorted[low] : NULL;
}

static enum smr_err remember_gone(struct clearing *c, const struct smr_store_relay *relay)
{
	if (c->gone_count == c->gone_room) {
		size_t room = c->gone_room ? c->gone_room * 2 : 64;
		struct gone *bigger = realloc(c->gone, room * sizeof(*bigger));

		if (bigger == NULL)
			return SMR_E_NO_MEMORY;
		c->gone = bigger;
		c->gone_room = room;
	}
	c->gone[c->gone_count++] = (struct gone){relay->record.eid, relay->sequence};
	return SMR_OK;
}

/* The row may have gone on since: is it still about this operator's subscription with the record's ICCID? */
static enum smr_err get_held(const struct clearing *c, const struct smr_evidence_record *record, struct smr_held *held,
			     bool *is_same)
{
	SMR_TRY(smr_held_get(c->store, &record->eid, held));
	*is_same = held->found && held->operator_number == c->op->number &&
		   memcmp(&held->row.iccid, &record->iccid, sizeof(record->iccid)) == 0;
	return SMR_OK;
}

/* Only the very package that was rejected is to be sealed anew. */
static enum smr_err reject(struct clearing *c, const struct smr_evidence_record *record)
{
	struct smr_held held;
	bool is_same;

	SMR_TRY(get_held(c, record, &held, &is_same));
	if (!is_same || held.row.serial != record->serial || held.row.state == SMR_ROW_EMPTY ||
	    held.row.state == SMR_ROW_RESEAL)
		return SMR_OK;
	return smr_held_reseal(c->store, &record->eid, &held);
}

/* Whoever has a device's rk can send a receipt that is none; without this it would end the command, which nobody obeyed. For an ICCID
 * that was replaced meanwhile there is no MCIM to obey it: it would be sent for ever, in the room of those that can be obeyed. */
static enum smr_err command_again(struct clearing *c, const struct smr_evidence_record *record)
{
	struct smr_held held;
	struct smr_query q;
	bool is_same;

	SMR_TRY(get_held(c, record, &held, &is_same));
	if (!is_same)
		return SMR_OK;
	q = smr_query_begin(c->store, SMR_SQL_COMMAND_AGAIN);
	smr_query_blob(&q, record->eid.octets, sizeof(record->eid.octets));
	smr_query_blob(&q, record->iccid.octets, sizeof(record->iccid.octets));
	smr_query_int(&q, c->op->number);
	smr_query_int(&q, record->serial);
	SMR_TRY(smr_query_run(&q));
	SMR_TRY(smr_row_touch(c->store, &record->eid));
	return smr_journal_note(c->store, &record->eid); /* its check-ins need the store again */
}

static enum smr_err clear_record(struct clearing *c, const struct smr_store_relay *relay)
{
	const struct smr_ack_record *ack = find_ack(c, &relay->record);

	if (ack == NULL) {
		c->left++;
		return SMR_OK;
	}
	SMR_TRY(remember_gone(c, relay));
	if (ack->verdict != SMR_ACK_REJECTED)
		return SMR_OK;
	if (ack->kind == SMR_RECEIPT_INSTALL)
		return reject(c, &relay->record);
	return ack->kind == SMR_RECEIPT_COMMAND ? command_again(c, &relay->record) : SMR_OK;
}

static enum smr_err delete_gone(struct clearing *c, uint64_t of)
{
	struct smr_query q;

	for (size_t i = 0; i < c->gone_count; i++) {
		q = smr_query_begin(c->store, SMR_SQL_RELAY_DELETE);
		smr_query_blob(&q, c->gone[i].eid.octets, sizeof(c->gone[i].eid.octets));
		smr_query_int(&q, c->op->number);
		smr_query_int(&q, c->gone[i].sequence);
		SMR_TRY(smr_query_run(&q));
	}
	if (c->left > 0)
		return SMR_OK;
	q = smr_query_begin(c->store, SMR_SQL_RELAY_FILE_END);
	smr_query_int(&q, c->op->number);
	smr_query_int(&q, of);
	return smr_query_run(&q);
}

static enum smr_err clear_file(struct clearing *c, uint64_t of)
{
	struct smr_store_relay relay;
	struct smr_query q;
	uint64_t after;
	uint64_t last;

	SMR_TRY(get_file(c->store, c->op, of, &after, &last));
	if (last == 0)
		return SMR_OK; /* all of it was acknowledged before */
	q = range_query(c->store, c->op->number, after, last);
	while (smr_query_step(&q)) {
		read_relay(&q, &relay);
		if (q.err == SMR_OK)
			q.err = clear_record(c, &relay);
	}
	SMR_TRY(smr_query_end(&q));
	return delete_gone(c, of);
}

static enum smr_err acknowledge(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t of,
				struct clearing *c)
{
	struct smr_operator_row op;
	enum smr_err err;

	SMR_TRY(known_operator(store, operator_id, &op));
	if (of == 0 || of > op.relay_number)
		return smr_store_say(store, SMR_E_NOT_FOUND, "relay: file %llu is not noted as written yet",
				     (unsigned long long)of);
	c->op = &op;
	err = clear_file(c, of);
	c->op = NULL;
	return err;
}

enum smr_err smr_store_acknowledge(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t of,
				   const struct smr_ack_record *acks, size_t count)
{
	struct clearing c = {.store = store, .ack_count = count};
	enum smr_err err;

	c.sorted = calloc(count + 1, sizeof(*c.sorted));
	if (c.sorted == NULL)
		return SMR_E_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		c.sorted[i] = &acks[i];
	qsort(c.sorted, count, sizeof(*c.sorted), compare_acks);
	err = smr_write_begin(store);
	if (err == SMR_OK)
		err = smr_write_end(store, acknowledge(store, operator_id, of, &c));
	free(c.gone);
	free(c.sorted);
	return err;
}
