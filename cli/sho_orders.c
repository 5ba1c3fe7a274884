/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sho_orders.h"

#include <stdlib.h>

#include "cli/cli.h"

static struct smr_owner_order *grow(struct smr_orders *orders)
{
	if (orders->count == orders->room) {
		size_t room = orders->room == 0 ? 16 : orders->room * 2;
		struct smr_owner_order *list = reallocarray(orders->list, room, sizeof(*list));

		if (list == NULL)
			return NULL;
		orders->list = list;
		orders->room = room;
	}
	return &orders->list[orders->count++];
}

static enum smr_err keep(struct smr_orders *orders, const struct smr_order *order, struct smr_bytes encoded)
{
	struct smr_owner_order *kept;

	if (encoded.len > sizeof(kept->encoded))
		return SMR_E_MALFORMED;
	kept = grow(orders);
	if (kept == NULL)
		return SMR_E_NO_MEMORY;
	*kept = (struct smr_owner_order){
		.whole_shipment = order->whole_shipment, .serial = order->serial, .encoded_len = encoded.len};
	if (order->whole_shipment)
		memcpy(kept->target, order->shipment.octets, sizeof(order->shipment.octets));
	else
		memcpy(kept->target, order->eid.octets, sizeof(order->eid.octets));
	memcpy(kept->encoded, encoded.ptr, encoded.len);
	return SMR_OK;
}

static enum smr_err load_records(struct smr_orders *orders, const struct smr_party *sho, const struct smr_pubkey *owner,
				 const char *path, struct smr_file_reader *reader, struct smr_problem *problem)
{
	struct smr_order order;
	struct smr_bytes record;
	enum smr_err err;

	while ((err = smr_file_next(reader, &record)) == SMR_OK) {
		err = smr_order_open(record, owner, &order);
		if (err != SMR_OK)
			return smr_cli_record(path, reader, "order", err, problem);
		if (memcmp(order.operator_key, sho->card.sign, sizeof(order.operator_key)) != 0)
			return smr_problem(problem, SMR_E_ORDER,
					   "%s: record %llu: operator: the owner ordered another operator, not %s",
					   path, (unsigned long long)smr_file_position(reader), sho->card.name);
		err = keep(orders, &order, record);
		if (err != SMR_OK)
			return smr_cli_record(path, reader, NULL, err, problem);
	}
	return err == SMR_E_NOTHING ? SMR_OK : smr_cli_record(path, reader, NULL, err, problem);
}

enum smr_err smr_orders_load(struct smr_orders *orders, const struct smr_party *sho,
			     const uint8_t owner[SMR_POINT_COMPRESSED_LEN], const char *path,
			     struct smr_problem *problem)
{
	struct smr_file_reader *reader;
	struct smr_card sender;
	struct smr_pubkey key = {0};
	enum smr_err err;

	SMR_TRY(smr_party_open_file(sho, path, SMR_FILE_ORDERS, "subscriber", &reader, &sender, problem));
	if (memcmp(sender.sign, owner, sizeof(sender.sign)) != 0)
		err = smr_problem(problem, SMR_E_ORDER, "%s is from %s, who is not the owner of the shipment's devices",
				  path, sender.name);
	else
		err = smr_pubkey_import(&key, SMR_ARRAY(sender.sign));
	if (err == SMR_OK)
		err = load_records(orders, sho, &key, path, reader, problem);
	smr_pubkey_wipe(&key);
	smr_file_close(reader);
	return err;
}

static int by_target(const void *a, const void *b)
{
	const struct smr_owner_order *x = a;
	const struct smr_owner_order *y = b;

	if (x->whole_shipment != y->whole_shipment)
		return x->whole_shipment ? 1 : -1;
	return memcmp(x->target, y->target, sizeof(x->target));
}

/* The latest one first among those of one target. */
static int by_target_and_serial(const void *a, const void *b)
{
	const struct smr_owner_order *x = a;
	const struct smr_owner_order *y = b;
	int order = by_target(a, b);

	if (order != 0 || x->serial == y->serial)
		return order;
	return x->serial > y->serial ? -1 : 1;
}

/* Only the latest order of each target stays, so that a search finds it. */
void smr_orders_sort(struct smr_orders *orders)
{
	size_t kept = 0;

	if (orders->count == 0)
		return;
	qsort(orders->list, orders->count, sizeof(*orders->list), by_target_and_serial);
	for (size_t i = 0; i < orders->count; i++)
		if (i == 0 || by_target(&orders->list[kept - 1], &orders->list[i]) != 0)
			orders->list[kept++] = orders->list[i];
	orders->count = kept;
}

static const struct smr_owner_order *find(const struct smr_orders *orders, bool whole_shipment, const void *target,
					  size_t len)
{
	struct smr_owner_order key = {.whole_shipment = whole_shipment};

	if (orders->count == 0)
		return NULL;
	memcpy(key.target, target, len);
	return bsearch(&key, orders->list, orders->count, sizeof(*orders->list), by_target);
}

const struct smr_owner_order *smr_orders_find(const struct smr_orders *orders, const struct smr_eid *eid,
					      const struct smr_shipment_id *shipment)
{
	const struct smr_owner_order *one = find(orders, false, eid->octets, sizeof(eid->octets));
	const struct smr_owner_order *all = find(orders, true, shipment->octets, sizeof(shipment->octets));

	if (one == NULL || (all != NULL && all->serial > one->serial))
		return all;
	return one;
}

void smr_orders_free(struct smr_orders *orders)
{
	free(orders->list);
	*orders = (struct smr_orders){0};
}
