/* SPDX-License-Identifier: Apache-2.0 */
/* Loading files: one transaction from begin to end, kept whole or not at all. Shipments, devices, references. */
#include "store/local.h"

/* ---- begin and end ---- */

enum smr_err smr_load_check(struct smr_store *store)
{
	if (!store->loading)
		return smr_store_say(store, SMR_E_INVALID, "no load has begun");
	if (store->load_err != SMR_OK)
		return store->load_err;
	/* Some failures make the back end roll back by itself; what came after would be kept on its own. */
	if (!store->driver->in_transaction(store))
		return store->load_err = smr_store_say(store, SMR_E_IO, "the store has rolled the load back");
	store->problem.text[0] = '\0'; /* of an earlier call */
	return SMR_OK;
}

enum smr_err smr_load_result(struct smr_store *store, enum smr_err err)
{
	if (store->load_err == SMR_OK)
		store->load_err = err;
	return err;
}

static struct smr_query loaded_query(struct smr_store *store, enum smr_sql which)
{
	struct smr_query q = smr_query_begin(store, which);

	smr_query_blob(&q, store->load_sender, sizeof(store->load_sender));
	smr_query_int(&q, (uint64_t)store->load_type);
	return q;
}

static enum smr_err check_known(struct smr_store *store)
{
	struct smr_query q = loaded_query(store, SMR_SQL_LOADED_GET);
	bool known;

	smr_query_int(&q, store->load_number);
	known = smr_query_step(&q);
	SMR_TRY(smr_query_end(&q));
	return known ? smr_store_say(store, SMR_E_EXISTS, "this file is loaded already") : SMR_OK;
}

static enum smr_err check_newest(struct smr_store *store)
{
	struct smr_query q = loaded_query(store, SMR_SQL_LOADED_ALL);
	bool newer = false;

	while (smr_query_step(&q))
		newer = newer || smr_column_int(&q, 0) > store->load_number;
	SMR_TRY(smr_query_end(&q));
	return newer ? smr_store_say(store, SMR_E_SERIAL,
				     "a newer file of this sender is loaded, which replaced this one")
		     : SMR_OK;
}

/* A list of references replaces the sender's earlier one, also when it is empty. */
static enum smr_err clear_references(struct smr_store *store)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_REFERENCE_CLEAR);

	smr_query_blob(&q, store->load_sender, sizeof(store->load_sender));
	return smr_query_run(&q);
}

static enum smr_err begin_checks(struct smr_store *store)
{
	SMR_TRY(check_known(store));
	if (store->load_type != SMR_FILE_REFERENCES)
		return SMR_OK;
	SMR_TRY(check_newest(store));
	return clear_references(store);
}

enum smr_err smr_store_load_begin(struct smr_store *store, const struct smr_file_info *info)
{
	enum smr_err err;

	if (store->loading)
		return smr_store_say(store, SMR_E_INVALID, "a load has begun already");
	SMR_TRY(smr_write_begin(store));
	store->load_type = info->type;
	store->load_number = info->number;
	store->load_renewed = 0;
	store->load_shipment_number = 0;
	store->load_operator_number = 0;
	store->load_known_shipment = 0;
	memcpy(store->load_sender, info->sender, sizeof(store->load_sender));
	err = begin_checks(store);
	if (err != SMR_OK)
		return smr_write_end(store, err);
	store->load_err = SMR_OK;
	store->loading = true;
	return SMR_OK;
}

static enum smr_err note_loaded(struct smr_store *store)
{
	struct smr_query q = loaded_query(store, SMR_SQL_LOADED_PUT);

	smr_query_int(&q, store->load_number);
	SMR_TRY(smr_query_run(&q));
	return smr_bump_sequence(store);
}

enum smr_err smr_store_load_end(struct smr_store *store, bool keep)
{
	enum smr_err err;

	if (!store->loading)
		return smr_store_say(store, SMR_E_INVALID, "no load has begun");
	err = smr_load_check(store);
	if (err == SMR_OK && keep)
		err = note_loaded(store);
	if (err == SMR_OK && keep)
		err = smr_journal_write_notes(store);
	smr_journal_forget_notes(store);
	store->loading = false;
	if (keep)
		return smr_write_end(store, err);
	/* Any error rolls back; this one says that nothing else went wrong. */
	err = smr_write_end(store, SMR_E_NOTHING);
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

enum smr_err smr_store_look_ahead(struct smr_store *store, const struct smr_store_ahead *list, size_t count,
				  const struct smr_key_id *operator_id)
{
	uint64_t operator_number = 0;

	SMR_TRY(smr_load_check(store));
	if (count > SMR_STORE_AHEAD_MAX)
		return smr_store_say(store, SMR_E_INVALID, "look ahead: more than %u records", SMR_STORE_AHEAD_MAX);
	if (operator_id != NULL)
		SMR_TRY(smr_load_operator(store, operator_id, &operator_number));
	return smr_load_result(store, store->driver->look_ahead(store, list, count, operator_number));
}

/* ---- shipments and their devices ---- */

static bool same_bytes(struct smr_bytes stored, bool present, const uint8_t *ptr, size_t len)
{
	return smr_bytes_equal(stored, smr_bytes_of(ptr, present ? len : 0));
}

static bool same_shipment(const struct smr_query *q, const struct smr_store_shipment *shipment)
{
	const struct smr_shipment_about *about = &shipment->about;

	return same_bytes(smr_column_bytes(q, 1), true, shipment->supplier, sizeof(shipment->supplier)) &&
	       same_bytes(smr_column_bytes(q, 2), about->owner_bound, about->owner, sizeof(about->owner)) &&
	       same_bytes(smr_column_bytes(q, 3), about->has_gate, about->gate, sizeof(about->gate)) &&
	       smr_column_int(q, 4) == (uint64_t)about->platform;
}

static struct smr_query shipment_query(struct smr_store *store, const struct smr_shipment_id *id)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_SHIPMENT_GET);

	smr_query_blob(&q, id->octets, sizeof(id->octets));
	return q;
}

static enum smr_err put_shipment(struct smr_store *store, const struct smr_store_shipment *shipment)
{
	const struct smr_shipment_about *about = &shipment->about;
	struct smr_query q = shipment_query(store, &about->id);
	bool known = smr_query_step(&q);
	bool same = known && same_shipment(&q, shipment);

	SMR_TRY(smr_query_end(&q));
	if (known)
		return same ? SMR_OK : smr_store_say(store, SMR_E_DUPLICATE, "another shipment has this id");
	q = smr_query_begin(store, SMR_SQL_SHIPMENT_PUT);
	smr_query_blob(&q, about->id.octets, sizeof(about->id.octets));
	smr_query_blob(&q, shipment->supplier, sizeof(shipment->supplier));
	smr_query_bytes(&q, smr_bytes_of(about->owner, about->owner_bound ? sizeof(about->owner) : 0));
	smr_query_bytes(&q, smr_bytes_of(about->gate, about->has_gate ? sizeof(about->gate) : 0));
	smr_query_int(&q, shipment->number);
	smr_query_int(&q, (uint64_t)about->platform);
	return smr_query_run(&q);
}

enum smr_err smr_store_put_shipment(struct smr_store *store, const struct smr_store_shipment *shipment)
{
	SMR_TRY(smr_load_check(store));
	return smr_load_result(store, put_shipment(store, shipment));
}

static enum smr_err find_shipment(struct smr_store *store, const struct smr_shipment_id *id, uint64_t *number)
{
	struct smr_query q = shipment_query(store, id);

	*number = smr_query_step(&q) ? smr_column_int(&q, 0) : 0;
	return smr_query_end(&q);
}

static enum smr_err shipment_number(struct smr_store *store, const struct smr_shipment_id *id, uint64_t *number)
{
	if (store->load_shipment_number == 0 || memcmp(&store->load_shipment, id, sizeof(*id)) != 0) {
		SMR_TRY(find_shipment(store, id, &store->load_shipment_number));
		store->load_shipment = *id;
	}
	*number = store->load_shipment_number;
	return *number != 0 ? SMR_OK : smr_store_say(store, SMR_E_NOT_FOUND, "the shipment is not known");
}

enum smr_err smr_load_operator(struct smr_store *store, const struct smr_key_id *id, uint64_t *number)
{
	struct smr_operator_row row;

	if (store->load_operator_number == 0 || memcmp(&store->load_operator, id, sizeof(*id)) != 0) {
		SMR_TRY(smr_operator_get(store, id, &row));
		store->load_operator_number = row.number;
		store->load_operator = *id;
	}
	*number = store->load_operator_number;
	return SMR_OK;
}

/* Stored uncompressed, so that no request pays for the decompression; a key that is no point is found out here. */
static enum smr_err expand(struct smr_store *store, const uint8_t d[SMR_POINT_COMPRESSED_LEN],
			   uint8_t out[SMR_POINT_LEN])
{
	struct smr_pubkey key = {0};
	enum smr_err err = smr_pubkey_import(&key, smr_bytes_of(d, SMR_POINT_COMPRESSED_LEN));

	if (err != SMR_OK)
		return smr_store_say(store, err, "the device's key is not a point of the curve");
	memcpy(out, key.point, SMR_POINT_LEN);
	smr_pubkey_wipe(&key);
	return SMR_OK;
}

static enum smr_err put_device(struct smr_store *store, const struct smr_shipment_id *shipment,
			       const struct smr_shipment_record *record)
{
	uint8_t d[SMR_POINT_LEN];
	struct smr_held held;
	uint64_t number;

	SMR_TRY(shipment_number(store, shipment, &number));
	SMR_TRY(expand(store, record->d, d));
	SMR_TRY(smr_held_get(store, &record->eid, &held));
	if (held.found)
		return smr_device_again(store, &record->eid, &held, d, number);
	return smr_held_create(store, &record->eid, d + 1, number);
}

enum smr_err smr_store_put_device(struct smr_store *store, const struct smr_shipment_id *shipment,
				  const struct smr_shipment_record *record)
{
	SMR_TRY(smr_load_check(store));
	return smr_load_result(store, put_device(store, shipment, record));
}

/* ---- references ---- */

static struct smr_query reference_query(struct smr_store *store, enum smr_sql which, const uint8_t *supplier,
					const struct smr_reference_record *record)
{
	struct smr_query q = smr_query_begin(store, which);

	smr_query_blob(&q, supplier, SMR_POINT_COMPRESSED_LEN);
	smr_query_blob(&q, record->measurement, sizeof(record->measurement));
	return q;
}

/** A log that was read has its room, encoded. */
static void bind_log(struct smr_query *q, const struct smr_boot_log *log, uint8_t room[SMR_BOOT_LOG_MAX])
{
	struct smr_writer w = smr_writer_init((struct smr_space){room, SMR_BOOT_LOG_MAX});
	struct smr_bytes encoded = SMR_NONE;

	if (log->count > 0) {
		smr_put_boot_log(&w, log);
		if (q->err == SMR_OK)
			q->err = smr_writer_done(&w, &encoded);
	}
	smr_query_bytes(q, encoded);
}

static enum smr_err put_reference(struct smr_store *store, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
				  const struct smr_reference_record *record)
{
	uint8_t room[SMR_BOOT_LOG_MAX];
	struct smr_query q;
	bool known;

	if (store->load_type != SMR_FILE_REFERENCES ||
	    memcmp(supplier, store->load_sender, sizeof(store->load_sender)) != 0)
		return smr_store_say(store, SMR_E_INVALID, "a supplier can replace only its own list");
	q = reference_query(store, SMR_SQL_REFERENCE_GET, supplier, record);
	known = smr_query_step(&q);
	SMR_TRY(smr_query_end(&q));
	if (known)
		return smr_store_say(store, SMR_E_DUPLICATE, "this measurement is in the list twice");
	q = reference_query(store, SMR_SQL_REFERENCE_PUT, supplier, record);
	smr_query_text(&q, record->version);
	bind_log(&q, &record->log, room);
	return smr_query_run(&q);
}

enum smr_err smr_store_put_reference(struct smr_store *store, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
				     const struct smr_reference_record *record)
{
	SMR_TRY(smr_load_check(store));
	return smr_load_result(store, put_reference(store, supplier, record));
}
