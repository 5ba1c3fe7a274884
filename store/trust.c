/* SPDX-License-Identifier: Apache-2.0 */
/* Parties, operators, and the lists that a server keeps in memory. */
#include "store/local.h"

static struct smr_bytes kem_of(const struct smr_store_party *party)
{
	return smr_bytes_of(party->kem, party->has_kem ? sizeof(party->kem) : 0);
}

static enum smr_err put_party(struct smr_store *store, const struct smr_store_party *party)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PARTY_PUT);

	smr_query_text(&q, party->role);
	smr_query_blob(&q, party->sign, sizeof(party->sign));
	smr_query_text(&q, party->name);
	smr_query_bytes(&q, kem_of(party));
	SMR_TRY(smr_query_run(&q));
	return smr_bump_sequence(store);
}

enum smr_err smr_store_trust(struct smr_store *store, const struct smr_store_party *party)
{
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, put_party(store, party));
}

enum smr_err smr_store_party(struct smr_store *store, const char *role, const uint8_t sign[SMR_POINT_COMPRESSED_LEN],
			     struct smr_store_party *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PARTY_GET);
	bool known;

	smr_query_text(&q, role);
	smr_query_blob(&q, sign, SMR_POINT_COMPRESSED_LEN);
	known = smr_query_step(&q);
	if (known)
		smr_column_party(&q, 0, out);
	SMR_TRY(smr_query_end(&q));
	return known ? SMR_OK : smr_store_say(store, SMR_E_UNTRUSTED_KEY, "no trusted %s has this key", role);
}

enum smr_err smr_store_parties(struct smr_store *store,
			       void (*each)(void *context, const struct smr_store_party *party), void *context)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PARTIES);
	struct smr_store_party party;

	while (smr_query_step(&q)) {
		smr_column_party(&q, 0, &party);
		if (q.err == SMR_OK)
			each(context, &party);
	}
	return smr_query_end(&q);
}

static enum smr_err put_auc(struct smr_store *store, const struct smr_key_id *operator_id,
			    const struct smr_store_party *auc)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_OPERATOR_PUT);

	smr_query_blob(&q, operator_id->octets, sizeof(operator_id->octets));
	smr_query_text(&q, auc->role);
	smr_query_text(&q, auc->name);
	smr_query_blob(&q, auc->sign, sizeof(auc->sign));
	smr_query_bytes(&q, kem_of(auc));
	return smr_query_run(&q);
}

enum smr_err smr_store_put_auc(struct smr_store *store, const struct smr_key_id *operator_id,
			       const struct smr_store_party *auc)
{
	SMR_TRY(smr_load_check(store));
	return smr_load_result(store, put_auc(store, operator_id, auc));
}

enum smr_err smr_store_operators(struct smr_store *store, uint64_t after, struct smr_store_operator *out, size_t *count)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_OPERATORS);
	size_t room = *count;

	*count = 0;
	smr_query_int(&q, after);
	smr_query_int(&q, room);
	while (*count < room && smr_query_step(&q)) {
		struct smr_store_operator *op = &out[*count];

		smr_column_party(&q, 0, &op->auc);
		smr_column_fixed(&q, 4, op->operator_id.octets, sizeof(op->operator_id.octets));
		op->number = smr_column_int(&q, 5);
		++*count;
	}
	return smr_query_end(&q);
}

enum smr_err smr_store_references(struct smr_store *store,
				  void (*each)(void *context, const struct smr_store_reference *reference),
				  void *context)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_REFERENCES);
	struct smr_store_reference reference;

	while (smr_query_step(&q)) {
		smr_column_fixed(&q, 0, reference.supplier, sizeof(reference.supplier));
		smr_column_fixed(&q, 1, reference.measurement, sizeof(reference.measurement));
		reference.log = smr_column_bytes(&q, 2);
		if (q.err == SMR_OK)
			each(context, &reference);
	}
	return smr_query_end(&q);
}

static void read_shipment(struct smr_query *q, struct smr_store_shipment *out)
{
	struct smr_shipment_about *about = &out->about;

	memset(out, 0, sizeof(*out));
	smr_column_fixed(q, 0, about->id.octets, sizeof(about->id.octets));
	smr_column_fixed(q, 1, out->supplier, sizeof(out->supplier));
	about->owner_bound = !smr_column_null(q, 2);
	if (about->owner_bound)
		smr_column_fixed(q, 2, about->owner, sizeof(about->owner));
	about->has_gate = !smr_column_null(q, 3);
	if (about->has_gate)
		smr_column_fixed(q, 3, about->gate, sizeof(about->gate));
	about->platform = (enum smr_platform)smr_column_int(q, 4);
}

enum smr_err smr_store_shipments(struct smr_store *store,
				 void (*each)(void *context, const struct smr_store_shipment *shipment), void *context)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_SHIPMENTS);
	struct smr_store_shipment shipment;

	while (smr_query_step(&q)) {
		read_shipment(&q, &shipment);
		if (q.err == SMR_OK)
			each(context, &shipment);
	}
	return smr_query_end(&q);
}
