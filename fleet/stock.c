/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/stock.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "file/party.h"
#include "fleet/dice.h"
#include "fleet/parallel.h"
#include "store/store.h"
#include "sys/clock.h"
#include "sys/fsio.h"

#define LIVE_DEFAULT 100000u
#define LOAD_ROWS 100000u /* in one transaction: bounds the store's log */

/** A live device's package, until it is in the store. */
struct sealed {
	uint64_t row;
	uint64_t slot;
	uint8_t d[SMR_POINT_COMPRESSED_LEN];
	uint8_t t[SMR_POINT_COMPRESSED_LEN];
	uint8_t x[SMR_X_MAX];
	uint8_t w[SMR_SIG_LEN];
	uint16_t x_len;
	_Atomic bool ready; /* the loading thread may use it */
};

struct stock {
	const struct smr_stock_wish *wish;
	struct smr_problem *problem;
	struct smr_population population;
	struct smr_roster roster;
	struct smr_store *store;
	uint64_t live;	       /* wished, in all */
	uint64_t before;       /* rows that were there */
	struct sealed *sealed; /* the new live devices, by row */
	size_t sealed_count;
	size_t x_len; /* of every X */
	enum smr_err seal_err;
	_Atomic bool sealing_over;
	_Atomic bool loading_over;
	struct smr_dice dice;
	struct smr_progress progress;
};

/* ---- the RO ---- */

static enum smr_err pick_shelf(struct stock *s, const char *path, struct smr_file_reader *reader,
			       struct smr_roster_head *head)
{
	struct smr_pubkey root = {0};
	struct smr_flight_key key;
	struct smr_bytes record;
	enum smr_err err = smr_pubkey_import(&root, SMR_ARRAY(head->root));

	while (err == SMR_OK && (err = smr_file_next(reader, &record)) == SMR_OK) {
		err = smr_flight_key_open(record, &root, &key);
		if (err == SMR_OK && key.kind == SMR_FLIGHT_KEY_SHELF && key.number > head->shelf_number) {
			head->shelf_number = key.number;
			memcpy(head->shelf, key.q, sizeof(head->shelf));
		}
	}
	smr_pubkey_wipe(&root);
	if (err != SMR_E_NOTHING)
		return smr_problem(s->problem, err, "%s: %s", path, smr_err_text(err));
	return head->shelf_number != 0 ? SMR_OK
				       : smr_problem(s->problem, SMR_E_NOT_FOUND, "%s holds no shelf key", path);
}

static enum smr_err read_keys(struct stock *s, const char *path, struct smr_roster_head *head)
{
	struct smr_file_reader *reader;
	const struct smr_file_info *info;
	enum smr_err err = smr_file_open(path, SMR_FILE_FLIGHT_KEYS, NULL, &reader);

	if (err != SMR_OK)
		return smr_problem(s->problem, err, "%s: %s; «samara ro init» makes it", path, smr_err_text(err));
	info = smr_file_reader_info(reader);
	err = smr_get_flight_keys_about(smr_bytes_of(info->about, info->about_len), head->root);
	if (err == SMR_OK)
		err = pick_shelf(s, path, reader, head);
	smr_file_close(reader);
	return err;
}

/** What the devices are given of the RO at their enrolment. */
static enum smr_err meet_ro(struct stock *s, struct smr_roster_head *head)
{
	struct smr_party ro = {0};
	char *path;
	enum smr_err err;

	SMR_TRY(smr_party_open(s->wish->ro, "ro", 0, &ro, s->problem));
	path = smr_fs_join(s->wish->ro, "flight-keys.smr");
	err = path == NULL ? SMR_E_NO_MEMORY : read_keys(s, path, head);
	free(path);
	smr_party_close(&ro);
	return err;
}

static enum smr_err store_failed(struct stock *s, enum smr_err err)
{
	const char *words = smr_store_problem(s->store);

	return smr_problem(s->problem, err, "the store: %s", words[0] != '\0' ? words : smr_err_text(err));
}

static enum smr_err use_ring(struct stock *s)
{
	struct smr_package_ring *ring;
	enum smr_err err = smr_package_ring_open(s->wish->ro, &ring);

	if (err == SMR_OK)
		err = smr_store_use_ring(s->store, ring);
	smr_package_ring_close(ring);
	return err;
}

static enum smr_err open_store(struct stock *s)
{
	const char *where = s->wish->store;
	char *own = NULL;
	enum smr_err err = SMR_OK;

	if (where == NULL) {
		err = smr_store_of(s->wish->ro, &own, s->problem);
		where = own;
	}
	if (err == SMR_OK)
		err = smr_store_open(where, SMR_STORE_WRITE, &s->store);
	free(own);
	if (err == SMR_OK)
		err = use_ring(s);
	return err != SMR_OK && s->store != NULL ? store_failed(s, err) : err;
}

/* ---- the fleet's file ---- */

static enum smr_err new_roster(struct stock *s, struct smr_roster_head *head)
{
	SMR_TRY(smr_random(head->seed, sizeof(head->seed)));
	return smr_roster_create(s->wish->fleet, head, &s->roster, s->problem);
}

static enum smr_err old_roster(struct stock *s, const struct smr_roster_head *head)
{
	SMR_TRY(smr_roster_open(s->wish->fleet, &s->roster, s->problem));
	if (memcmp(head->root, s->roster.head->root, sizeof(head->root)) == 0)
		return SMR_OK;
	return smr_problem(s->problem, SMR_E_NOT_ADDRESSEE,
			   "%s is a fleet of another RO: its devices trust that one's keys alone", s->wish->fleet);
}

static enum smr_err check_wish(struct stock *s)
{
	const struct smr_roster_head *head = s->roster.head;

	s->live = s->wish->live;
	if (s->live == UINT64_MAX)
		s->live = s->wish->devices < LIVE_DEFAULT ? s->wish->devices : LIVE_DEFAULT;
	if (s->live < head->live && s->wish->live == UINT64_MAX)
		s->live = head->live;
	if (s->wish->devices < head->rows || s->live < head->live)
		return smr_problem(
			s->problem, SMR_E_INVALID,
			"%s has %llu devices, %llu of them live, already: --devices and --live are what there shall be "
			"in all",
			s->wish->fleet, (unsigned long long)head->rows, (unsigned long long)head->live);
	if (s->live - head->live > s->wish->devices - head->rows)
		return smr_problem(
			s->problem, SMR_E_INVALID,
			"%llu more live devices do not fit into %llu more rows: --live counts among --devices",
			(unsigned long long)(s->live - head->live),
			(unsigned long long)(s->wish->devices - head->rows));
	if (s->wish->certificate && !head->certificate)
		return smr_problem(s->problem, SMR_E_INVALID,
				   "%s is a fleet that the RO knows from its shipment: --certificate is for a new one",
				   s->wish->fleet);
	return SMR_OK;
}

static enum smr_err open_roster(struct stock *s)
{
	struct smr_roster_head head = {.certificate = s->wish->certificate};

	SMR_TRY(meet_ro(s, &head));
	SMR_TRY(smr_fs_exists(s->wish->fleet) ? old_roster(s, &head) : new_roster(s, &head));
	SMR_TRY(smr_population_init(&s->population, s->roster.head->seed));
	s->dice.state = smr_get_be64(s->roster.head->seed) + s->roster.head->rows;
	return SMR_OK;
}

/* ---- live devices ---- */

/* Which of the new rows live: each row in turn with the chance that is left, so that it is exactly as many and every choice is as likely.
 * Which slot each gets is drawn too, or a run through the slots would go through the store in order. */
static void draw_lots(struct stock *s)
{
	uint64_t first = s->roster.head->live;
	uint64_t row = s->roster.head->rows;

	for (size_t chosen = 0; chosen < s->sealed_count; row++) {
		uint64_t left = s->wish->devices - row;

		if (smr_dice_below(&s->dice, left) < s->sealed_count - chosen)
			s->sealed[chosen++].row = row;
	}
	for (size_t i = 0; i < s->sealed_count; i++)
		s->sealed[i].slot = first + i;
	for (size_t i = s->sealed_count; i > 1; i--) {
		size_t other = (size_t)smr_dice_below(&s->dice, i);
		uint64_t slot = s->sealed[i - 1].slot;

		s->sealed[i - 1].slot = s->sealed[other].slot;
		s->sealed[other].slot = slot;
	}
}

static enum smr_err make_device(void *context, struct smr_engine *engine, size_t index)
{
	struct stock *s = context;
	struct sealed *sealed = &s->sealed[index];
	struct smr_slot *slot = &s->roster.slots[sealed->slot];
	struct smr_space x = {sealed->x, sizeof(sealed->x)};
	struct smr_population_device device;
	enum smr_err err;

	SMR_TRY(smr_population_device(&s->population, sealed->row, &device));
	slot->row = sealed->row;
	err = smr_device_enrol(engine, s->roster.head, slot, &device);
	if (err == SMR_OK)
		err = smr_population_seal(&s->population, &device, &x, sealed->w);
	sealed->x_len = (uint16_t)x.len;
	memcpy(sealed->d, device.d_point, sizeof(sealed->d));
	memcpy(sealed->t, device.t_point, sizeof(sealed->t));
	smr_population_device_wipe(&device);
	sealed->ready = err == SMR_OK;
	return err;
}

/* The length of every X: that of one. */
static enum smr_err measure_x(struct stock *s)
{
	struct smr_population_device device;
	uint8_t room[SMR_X_MAX];
	uint8_t w[SMR_SIG_LEN];
	struct smr_space x = {room, sizeof(room)};
	enum smr_err err;

	SMR_TRY(smr_population_device(&s->population, 0, &device));
	err = smr_population_seal(&s->population, &device, &x, w);
	smr_population_device_wipe(&device);
	s->x_len = x.len;
	return err;
}

static enum smr_err plan_live(struct stock *s)
{
	s->sealed_count = (size_t)(s->live - s->roster.head->live);
	s->sealed = calloc(s->sealed_count == 0 ? 1 : s->sealed_count, sizeof(*s->sealed));
	if (s->sealed == NULL)
		return smr_problem(s->problem, SMR_E_NO_MEMORY, "%llu live devices: %s", (unsigned long long)s->live,
				   smr_err_text(SMR_E_NO_MEMORY));
	SMR_TRY(smr_roster_grow(&s->roster, s->live, s->problem));
	draw_lots(s);
	return measure_x(s);
}

static bool loading_is_over(void *context)
{
	return ((struct stock *)context)->loading_over;
}

static void *seal_all(void *context)
{
	struct stock *s = context;
	const struct smr_parallel parallel = {.population = &s->population,
					      .threads = s->wish->threads,
					      .work = make_device,
					      .context = s,
					      .stopped = loading_is_over};

	s->seal_err = smr_parallel_run(&parallel, s->sealed_count);
	s->sealing_over = true;
	return NULL;
}

/* They are sealed in the order in which they are loaded, so that this is seldom a long wait. */
static enum smr_err await(struct stock *s, const struct sealed *sealed)
{
	const struct timespec moment = {0, 1000000};

	while (!sealed->ready) {
		if (s->sealing_over && !sealed->ready)
			return s->seal_err;
		(void)nanosleep(&moment, NULL);
	}
	return SMR_OK;
}

/* ---- rows ---- */

/* Nobody opens or verifies it: what counts is its length. */
static void invent(struct stock *s, struct sealed *out)
{
	uint64_t chance[(SMR_X_MAX + SMR_SIG_LEN + 7) / 8];

	for (size_t i = 0; i < SMR_COUNT(chance); i++)
		chance[i] = smr_dice_next(&s->dice);
	memcpy(out->d, s->population.nobody, sizeof(out->d));
	memcpy(out->t, s->population.nobody, sizeof(out->t));
	memcpy(out->w, chance, sizeof(out->w));
	memcpy(out->x, (const uint8_t *)chance + sizeof(out->w), sizeof(out->x));
	out->x_len = (uint16_t)s->x_len;
}

static enum smr_err put_device(struct stock *s, const struct smr_eid *eid, const struct sealed *sealed)
{
	struct smr_shipment_record record = {.eid = *eid};

	if (s->roster.head->certificate)
		return SMR_OK;
	memcpy(record.d, sealed->d, sizeof(record.d));
	memcpy(record.t, sealed->t, sizeof(record.t));
	return smr_store_put_device(s->store, &s->population.shipment, &record);
}

static enum smr_err put_package(struct stock *s, uint64_t row, const struct smr_store_ahead *about,
				const struct sealed *sealed)
{
	struct smr_batch_record record = {.eid = about->eid,
					  .has_shipment = true,
					  .shipment = s->population.shipment,
					  .interval_s = SMR_POPULATION_INTERVAL_S};

	record.package.iccid = about->iccid;
	record.package.operator_id = s->population.operator_id;
	record.package.serial = smr_population_serial(row);
	record.package.x = smr_bytes_of(sealed->x, sealed->x_len);
	memcpy(record.package.w, sealed->w, sizeof(record.package.w));
	return smr_store_put_package(s->store, &record);
}

/* The first of the new live devices that is in @p row or behind it. */
static const struct sealed *find_sealed(const struct stock *s, uint64_t row)
{
	size_t low = 0;
	size_t high = s->sealed_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->sealed[middle].row < row)
			low = middle + 1;
		else
			high = middle;
	}
	return s->sealed + low;
}

/* Rows that go into the store together: the devices, then their packages. */
struct group {
	struct smr_store_ahead about[SMR_STORE_AHEAD_MAX];
	const struct sealed *sealed[SMR_STORE_AHEAD_MAX]; /* one of the stock's, or the filler */
	struct sealed filler[SMR_STORE_AHEAD_MAX];
	uint64_t first;
	size_t count;
};

static enum smr_err fill_group(struct stock *s, struct group *g)
{
	const struct sealed *next = find_sealed(s, g->first);
	const struct sealed *end = s->sealed + s->sealed_count;

	for (size_t i = 0; i < g->count; i++) {
		SMR_TRY(smr_population_eid(&s->population, g->first + i, &g->about[i].eid));
		SMR_TRY(smr_population_iccid(g->first + i, &g->about[i].iccid));
		if (next < end && next->row == g->first + i) {
			SMR_TRY(await(s, next));
			g->sealed[i] = next++;
		} else {
			invent(s, &g->filler[i]);
			g->sealed[i] = &g->filler[i];
		}
	}
	return SMR_OK;
}

static enum smr_err put_group(struct stock *s, struct group *g)
{
	SMR_TRY(fill_group(s, g));
	SMR_TRY(smr_store_look_ahead(s->store, g->about, g->count, NULL));
	for (size_t i = 0; i < g->count; i++)
		SMR_TRY(put_device(s, &g->about[i].eid, g->sealed[i]));
	SMR_TRY(smr_store_look_ahead(s->store, g->about, g->count, &s->population.operator_id));
	for (size_t i = 0; i < g->count; i++)
		SMR_TRY(put_package(s, g->first + i, &g->about[i], g->sealed[i]));
	smr_progress_add(&s->progress, g->count);
	return SMR_OK;
}

static enum smr_err put_rows(struct stock *s, uint64_t from, uint64_t to)
{
	struct group *g = calloc(1, sizeof(*g));
	enum smr_err err = g != NULL ? SMR_OK : SMR_E_NO_MEMORY;

	for (uint64_t row = from; err == SMR_OK && row < to; row += g->count) {
		g->first = row;
		g->count = to - row < SMR_STORE_AHEAD_MAX ? (size_t)(to - row) : SMR_STORE_AHEAD_MAX;
		err = put_group(s, g);
	}
	free(g);
	return err;
}

static enum smr_err put_parties(struct stock *s)
{
	struct smr_store_shipment shipment = {.about = {.id = s->population.shipment, .has_gate = true},
					      .number = SMR_POPULATION_SHIPMENT};
	struct smr_store_party auc = {.role = "auc", .name = "samara-fleet", .has_kem = true};

	memcpy(shipment.about.gate, s->population.gate, sizeof(shipment.about.gate));
	memcpy(shipment.supplier, s->population.supplier_point, sizeof(shipment.supplier));
	memcpy(auc.sign, s->population.auc_sign, sizeof(auc.sign));
	memcpy(auc.kem, s->population.auc_kem, sizeof(auc.kem));
	SMR_TRY(smr_store_put_shipment(s->store, &shipment));
	return smr_store_put_auc(s->store, &s->population.operator_id, &auc);
}

static enum smr_err end_load(struct stock *s, enum smr_err err)
{
	if (err == SMR_OK)
		err = smr_store_load_end(s->store, true);
	else if (smr_store_load_end(s->store, false) != SMR_OK)
		return smr_problem(s->problem, err, "the load failed, and rolling it back too");
	return err == SMR_OK ? SMR_OK : store_failed(s, err);
}

/* One transaction, under a number of its own: an attempt that died between the store's commit and ours is known by it. */
static enum smr_err begin_rows(struct stock *s, uint64_t from)
{
	struct smr_file_info info = {.type = SMR_FILE_BATCH, .number = from + 1};

	memcpy(info.sender, s->population.operator_point, sizeof(info.sender));
	return smr_store_load_begin(s->store, &info);
}

static enum smr_err load_rows(struct stock *s, uint64_t from, uint64_t to)
{
	enum smr_err err = begin_rows(s, from);

	if (err != SMR_OK)
		return store_failed(s, err);
	err = put_parties(s);
	if (err == SMR_OK)
		err = put_rows(s, from, to);
	return end_load(s, err);
}

/* What the file says is in a store must be in this one. */
static enum smr_err recognise(struct stock *s)
{
	enum smr_err err = s->roster.head->rows == 0 ? SMR_E_EXISTS : begin_rows(s, 0);

	if (err == SMR_E_EXISTS)
		return SMR_OK;
	if (err != SMR_OK || (err = smr_store_load_end(s->store, false)) != SMR_OK)
		return store_failed(s, err);
	return smr_problem(
		s->problem, SMR_E_NOT_FOUND,
		"the store does not have the devices of %s: they are in another one, or it was made anew. Take another "
		"file for a new fleet",
		s->wish->fleet);
}

/* Is the load in that was under way when an earlier call ended? */
static enum smr_err settle(struct stock *s)
{
	struct smr_roster_head *head = s->roster.head;
	enum smr_err err;

	if (head->rows_under_way <= head->rows)
		return SMR_OK;
	err = begin_rows(s, head->rows);
	if (err == SMR_E_EXISTS)
		head->rows = head->rows_under_way;
	else if (err == SMR_OK)
		err = smr_store_load_end(s->store, false);
	head->rows_under_way = head->rows;
	return err == SMR_OK || err == SMR_E_EXISTS ? SMR_OK : store_failed(s, err);
}

static enum smr_err load_references(struct stock *s)
{
	struct smr_file_info info = {.type = SMR_FILE_REFERENCES, .number = 1};
	struct smr_reference_record record = {.version = "samara-fleet"};
	enum smr_err err;

	memcpy(info.sender, s->population.supplier_point, sizeof(info.sender));
	memcpy(record.measurement, s->population.measurement, sizeof(record.measurement));
	err = smr_store_load_begin(s->store, &info);
	if (err == SMR_E_EXISTS)
		return SMR_OK;
	if (err != SMR_OK)
		return store_failed(s, err);
	return end_load(s, smr_store_put_reference(s->store, s->population.supplier_point, &record));
}

/* The server takes certificates of suppliers that it has a card of. */
static enum smr_err trust_supplier(struct stock *s)
{
	struct smr_store_party supplier = {.role = "supplier", .name = "samara-fleet"};
	enum smr_err err;

	memcpy(supplier.sign, s->population.supplier_point, sizeof(supplier.sign));
	err = smr_store_trust(s->store, &supplier);
	return err == SMR_OK ? SMR_OK : store_failed(s, err);
}

/* The log of a load is as long as the load: copied into the store before the next one. Whoever is in the way only delays that. */
static enum smr_err checkpoint(struct stock *s)
{
	enum smr_err err = smr_store_checkpoint(s->store);

	return err == SMR_OK || err == SMR_E_BUSY ? SMR_OK : store_failed(s, err);
}

static enum smr_err load_all(struct stock *s)
{
	struct smr_roster_head *head = s->roster.head;
	enum smr_err err = trust_supplier(s);

	if (err == SMR_OK)
		err = load_references(s);
	smr_progress_start(&s->progress, "loading", s->wish->devices - head->rows, s->wish->quiet);
	while (err == SMR_OK && head->rows < s->wish->devices) {
		uint64_t left = s->wish->devices - head->rows;

		head->rows_under_way = head->rows + (left < LOAD_ROWS ? left : LOAD_ROWS);
		err = load_rows(s, head->rows, head->rows_under_way);
		if (err == SMR_OK)
			head->rows = head->rows_under_way;
		if (err == SMR_OK)
			err = checkpoint(s);
	}
	smr_progress_end(&s->progress);
	if (err == SMR_OK)
		head->live = s->live;
	return err;
}

/* The store takes one thread, sealing as many as there are cores. */
static enum smr_err load_while_sealing(struct stock *s)
{
	pthread_t sealer;
	enum smr_err err;

	if (pthread_create(&sealer, NULL, seal_all, s) != 0)
		return smr_problem(s->problem, SMR_E_NO_MEMORY, "no thread to seal with");
	err = load_all(s);
	s->loading_over = true;
	(void)pthread_join(sealer, NULL);
	return err;
}

static enum smr_err stock(struct stock *s)
{
	SMR_TRY(open_store(s));
	SMR_TRY(open_roster(s));
	SMR_TRY(recognise(s));
	SMR_TRY(settle(s));
	SMR_TRY(check_wish(s));
	s->before = s->roster.head->rows;
	SMR_TRY(plan_live(s));
	return load_while_sealing(s);
}

enum smr_err smr_stock(const struct smr_stock_wish *wish, struct smr_stock_result *result, struct smr_problem *problem)
{
	struct stock s = {.wish = wish, .problem = problem, .roster = {.fd = -1}};
	uint64_t start = smr_clock_us();
	enum smr_err err = stock(&s);

	if (s.roster.head != NULL) {
		*result = (struct smr_stock_result){.devices = s.roster.head->rows, .live = s.roster.head->live};
		result->added = result->devices - s.before;
	}
	result->seconds = (double)(smr_clock_us() - start) / 1e6;
	smr_store_close(s.store);
	smr_roster_close(&s.roster);
	smr_population_wipe(&s.population);
	free(s.sealed);
	return err;
}
