/* SPDX-License-Identifier: Apache-2.0 */
#include "server/keyring.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/kdf.h"

struct flight_entry {
	struct smr_flight_key key;
	struct smr_privkey q;
	uint8_t encoded[SMR_FLIGHT_KEY_MAX];
	size_t encoded_len;
};

struct supplier {
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
	struct smr_pubkey key;
};

/* What a class comes to now. */
struct class_entry {
	bool known;
	struct smr_store_ticket_class class;
	uint32_t epoch;
	const struct smr_ticket_key *current; /* of ring->tickets */
};

/* Of the suppliers' lists. Both compare octet by octet. */
struct approved {
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint8_t measurement[SMR_HASH_LEN];
};

struct booted {
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint8_t pcr;
	uint8_t digest[SMR_HASH_LEN];
};

struct smr_keyring {
	atomic_uint references;
	uint64_t generation;
	struct smr_keyring_times times;
	struct class_entry classes[SMR_STORE_TICKET_CLASSES]; /* by number */
	struct flight_entry flights[SMR_KEYRING_FLIGHT_KEYS];
	size_t flight_count;
	const struct flight_entry *current;
	struct smr_ticket_key tickets[SMR_STORE_TICKET_KEYS_MAX]; /* in ascending id */
	size_t ticket_count;
	struct approved *measurements;
	size_t measurement_count;
	struct booted *events; /* of the boot logs that measurements come from */
	size_t event_count;
	struct smr_keyring_shipment *shipments;
	size_t shipment_count;
	struct smr_keyring_gate *gates;
	size_t gate_count;
	uint8_t echo[2][SMR_ECHO_KEY_LEN]; /* of this epoch and the last one */
	bool has_echo[2];
	struct supplier *suppliers;
	size_t supplier_count;
	enum smr_err err; /* of the callbacks that fill the lists */
};

static atomic_ullong generations; /* keyrings that this process has made */
static atomic_size_t turn;	  /* of the suppliers that are tried for a certificate of an unknown shipment */

/** Room for one more element in a growing array; NULL sets the ring's error. */
static void *grow(struct smr_keyring *ring, void **array, size_t *count, size_t size)
{
	void *bigger;

	if (ring->err != SMR_OK)
		return NULL;
	/* Doubling at each power of two keeps the work linear. Not realloc: there are keys among the elements. */
	if ((*count & (*count - 1)) == 0) {
		bigger = malloc((*count ? *count * 2 : 1) * size);
		if (bigger == NULL) {
			ring->err = SMR_E_NO_MEMORY;
			return NULL;
		}
		if (*count) {
			memcpy(bigger, *array, *count * size);
			smr_wipe(*array, *count * size);
		}
		free(*array);
		*array = bigger;
	}
	return (uint8_t *)*array + (*count)++ * size;
}

static struct booted booted_of(const uint8_t supplier[SMR_POINT_COMPRESSED_LEN], const struct smr_tpm_event *event)
{
	struct booted booted = {.pcr = event->pcr};

	memcpy(booted.supplier, supplier, sizeof(booted.supplier));
	memcpy(booted.digest, event->digest, sizeof(booted.digest));
	return booted;
}

static void add_event(struct smr_keyring *ring, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
		      const struct smr_tpm_event *event)
{
	struct booted *slot = grow(ring, (void **)&ring->events, &ring->event_count, sizeof(*slot));

	if (slot != NULL)
		*slot = booted_of(supplier, event);
}

static void add_measurement(void *context, const struct smr_store_reference *reference)
{
	struct smr_keyring *ring = context;
	struct approved *slot = grow(ring, (void **)&ring->measurements, &ring->measurement_count, sizeof(*slot));
	struct smr_reader r = smr_reader_init(reference->log);
	struct smr_boot_log log = {0};

	if (slot == NULL)
		return;
	memcpy(slot->supplier, reference->supplier, sizeof(slot->supplier));
	memcpy(slot->measurement, reference->measurement, sizeof(slot->measurement));
	if (reference->log.len > 0)
		smr_get_boot_log(&r, &log);
	for (size_t i = 0; i < log.count; i++)
		add_event(ring, reference->supplier, &log.events[i]);
}

static void add_gate(struct smr_keyring *ring, const struct smr_shipment_about *about)
{
	struct smr_keyring_gate *slot;

	if (!about->has_gate)
		return;
	slot = grow(ring, (void **)&ring->gates, &ring->gate_count, sizeof(*slot));
	if (slot == NULL)
		return;
	slot->shipment = about->id;
	ring->err = smr_gate_key_derive(about->gate, &slot->key);
}

static void add_shipment(void *context, const struct smr_store_shipment *shipment)
{
	struct smr_keyring *ring = context;
	struct smr_keyring_shipment *slot = grow(ring, (void **)&ring->shipments, &ring->shipment_count, sizeof(*slot));

	if (slot == NULL)
		return;
	slot->id = shipment->about.id;
	memcpy(slot->supplier, shipment->supplier, sizeof(slot->supplier));
	slot->platform = shipment->about.platform;
	add_gate(ring, &shipment->about);
}

static void add_supplier(void *context, const struct smr_store_party *party)
{
	struct smr_keyring *ring = context;
	struct supplier *slot;

	if (strcmp(party->role, "supplier") != 0)
		return;
	slot = grow(ring, (void **)&ring->suppliers, &ring->supplier_count, sizeof(*slot));
	if (slot == NULL)
		return;
	memset(slot, 0, sizeof(*slot));
	memcpy(slot->point, party->sign, sizeof(slot->point));
	ring->err = smr_pubkey_import(&slot->key, SMR_ARRAY(slot->point));
}

static int compare_approved(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct approved));
}

static int compare_booted(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct booted));
}

/** Also for gates: both begin with the shipment's id. */
static int compare_shipments(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct smr_shipment_id));
}

static enum smr_err load_lists(struct smr_keyring *ring, struct smr_store *store)
{
	SMR_TRY(smr_store_references(store, add_measurement, ring));
	SMR_TRY(smr_store_shipments(store, add_shipment, ring));
	SMR_TRY(smr_store_parties(store, add_supplier, ring));
	SMR_TRY(ring->err);
	if (ring->measurement_count)
		qsort(ring->measurements, ring->measurement_count, sizeof(*ring->measurements), compare_approved);
	if (ring->event_count)
		qsort(ring->events, ring->event_count, sizeof(*ring->events), compare_booted);
	if (ring->shipment_count)
		qsort(ring->shipments, ring->shipment_count, sizeof(*ring->shipments), compare_shipments);
	if (ring->gate_count)
		qsort(ring->gates, ring->gate_count, sizeof(*ring->gates), compare_shipments);
	return SMR_OK;
}

/* A key that is not yet in force opens requests all the same: devices are given the next one ahead of time. */
static bool is_over(const struct smr_flight_key *key, uint64_t now)
{
	return now >= key->not_after;
}

/** Newest epoch key in force, or the shelf key when there is none. */
static void choose_current(struct smr_keyring *ring)
{
	for (size_t i = 0; i < ring->flight_count; i++) {
		const struct flight_entry *entry = &ring->flights[i];

		if (is_over(&entry->key, ring->times.now) || ring->times.now < entry->key.not_before)
			continue;
		if (ring->current == NULL || entry->key.kind >= ring->current->key.kind)
			ring->current = entry;
	}
}

static enum smr_err load_flight_keys(struct smr_keyring *ring, struct smr_store *store)
{
	struct smr_store_flight_key stored[SMR_KEYRING_FLIGHT_KEYS];
	size_t count = SMR_KEYRING_FLIGHT_KEYS;
	size_t erased;
	enum smr_err err = smr_store_erase_flight_keys(store, ring->times.now, &erased);

	if (err == SMR_OK)
		err = smr_store_flight_keys(store, stored, &count);
	for (size_t i = 0; err == SMR_OK && i < count; i++) {
		struct flight_entry *entry = &ring->flights[ring->flight_count];

		entry->key = stored[i].key;
		memcpy(entry->encoded, stored[i].encoded, stored[i].encoded_len);
		entry->encoded_len = stored[i].encoded_len;
		err = smr_privkey_import(&entry->q, stored[i].scalar);
		if (err == SMR_OK)
			ring->flight_count++;
	}
	SMR_WIPE(stored);
	if (err == SMR_OK)
		choose_current(ring);
	return err;
}

static enum smr_err load_classes(struct smr_keyring *ring, struct smr_store *store)
{
	struct smr_store_ticket_class classes[SMR_STORE_TICKET_CLASSES];
	size_t count = SMR_COUNT(classes);

	SMR_TRY(smr_store_ticket_classes(store, classes, &count));
	for (size_t i = 0; i < count; i++) {
		struct class_entry *entry = &ring->classes[classes[i].number];

		entry->known = true;
		entry->class = classes[i];
		entry->epoch = (uint32_t)(ring->times.now / classes[i].epoch_s) & SMR_TK_EPOCH_MASK;
	}
	return SMR_OK;
}

/* The key of this epoch; a retired class gets no new ones, and its last one serves until its lineages have ended. */
static void choose_ticket_keys(struct smr_keyring *ring)
{
	for (size_t i = 0; i < ring->ticket_count; i++) {
		const struct smr_ticket_key *key = &ring->tickets[i];
		struct class_entry *entry = &ring->classes[smr_tk_class(key->id)];
		int32_t age = smr_tk_age(smr_tk_epoch(key->id), entry->epoch);

		if (age >= 0 &&
		    (entry->current == NULL || age < smr_tk_age(smr_tk_epoch(entry->current->id), entry->epoch)))
			entry->current = key;
	}
}

static enum smr_err load_ticket_keys(struct smr_keyring *ring, struct smr_store *store)
{
	ring->ticket_count = SMR_COUNT(ring->tickets);
	SMR_TRY(smr_store_ticket_keys(store, ring->times.now, ring->tickets, &ring->ticket_count));
	SMR_TRY(load_classes(ring, store));
	choose_ticket_keys(ring);
	return SMR_OK;
}

static enum smr_err derive_echo_keys(struct smr_keyring *ring)
{
	const struct smr_ticket_key *tk = smr_keyring_ticket_current(ring, smr_keyring_class_for(ring, 0));

	for (uint32_t age = 0; age < SMR_COUNT(ring->echo) && tk != NULL; age++) {
		SMR_TRY(smr_kdf(SMR_ARRAY(tk->key), "echo", NULL, 0,
				(struct smr_space){ring->echo[age], SMR_ECHO_KEY_LEN}));
		ring->has_echo[age] = true;
		tk = smr_keyring_ticket_key(ring, smr_tk_id(smr_tk_class(tk->id), smr_tk_epoch(tk->id) - 1));
	}
	return SMR_OK;
}

enum smr_err smr_keyring_load(struct smr_store *store, const struct smr_keyring_times *times, struct smr_keyring **out)
{
	struct smr_keyring *ring = calloc(1, sizeof(*ring));
	enum smr_err err;

	if (ring == NULL)
		return SMR_E_NO_MEMORY;
	atomic_init(&ring->references, 1);
	ring->generation = atomic_fetch_add(&generations, 1) + 1;
	ring->times = *times;
	err = load_flight_keys(ring, store);
	if (err == SMR_OK)
		err = load_ticket_keys(ring, store);
	if (err == SMR_OK)
		err = derive_echo_keys(ring);
	if (err == SMR_OK)
		err = load_lists(ring, store);
	if (err != SMR_OK) {
		smr_keyring_release(ring);
		return err;
	}
	*out = ring;
	return SMR_OK;
}

struct smr_keyring *smr_keyring_hold(struct smr_keyring *ring)
{
	atomic_fetch_add(&ring->references, 1);
	return ring;
}

void smr_keyring_release(struct smr_keyring *ring)
{
	if (ring == NULL || atomic_fetch_sub(&ring->references, 1) != 1)
		return;
	for (size_t i = 0; i < SMR_KEYRING_FLIGHT_KEYS; i++)
		smr_privkey_wipe(&ring->flights[i].q);
	for (size_t i = 0; i < ring->supplier_count; i++)
		smr_pubkey_wipe(&ring->suppliers[i].key);
	if (ring->gate_count)
		smr_wipe(ring->gates, ring->gate_count * sizeof(*ring->gates));
	free(ring->gates);
	free(ring->measurements);
	free(ring->events);
	free(ring->shipments);
	free(ring->suppliers);
	smr_wipe(ring, sizeof(*ring));
	free(ring);
}

uint64_t smr_keyring_generation(const struct smr_keyring *ring)
{
	return ring->generation;
}

static const struct flight_entry *find_flight(const struct smr_keyring *ring, uint32_t number)
{
	for (size_t i = 0; i < ring->flight_count; i++) {
		if (ring->flights[i].key.number == number)
			return &ring->flights[i];
	}
	return NULL;
}

const struct smr_privkey *smr_keyring_flight_key(const struct smr_keyring *ring, uint32_t number)
{
	const struct flight_entry *entry = find_flight(ring, number);

	return entry != NULL && !is_over(&entry->key, ring->times.now) ? &entry->q : NULL;
}

static struct smr_bytes encoded(const struct flight_entry *entry)
{
	return entry ? smr_bytes_of(entry->encoded, entry->encoded_len) : SMR_NONE;
}

struct smr_bytes smr_keyring_current(const struct smr_keyring *ring)
{
	return encoded(ring->current);
}

/** The epoch key that takes over when the current one ends. Not the newest of all: a TRE that was given that one would use it
 * until its distant end, and its flights would stay readable as long. */
static const struct flight_entry *successor(const struct smr_keyring *ring)
{
	const struct smr_flight_key *current = &ring->current->key;

	for (size_t i = 0; i < ring->flight_count; i++) {
		const struct smr_flight_key *key = &ring->flights[i].key;

		if (key->kind == SMR_FLIGHT_KEY_EPOCH && key->number > current->number &&
		    key->not_after > current->not_after)
			return &ring->flights[i];
	}
	return NULL;
}

struct smr_bytes smr_keyring_next(const struct smr_keyring *ring, uint32_t number)
{
	const struct flight_entry *entry = ring->current;

	if (entry == NULL)
		return SMR_NONE;
	if (entry->key.not_after <= ring->times.now + ring->times.send_next_key_s && successor(ring) != NULL)
		entry = successor(ring);
	return entry->key.kind == SMR_FLIGHT_KEY_EPOCH && entry->key.number > number ? encoded(entry) : SMR_NONE;
}

const struct smr_ticket_key *smr_keyring_ticket_key(const struct smr_keyring *ring, uint32_t id)
{
	size_t low = 0;
	size_t high = ring->ticket_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ring->tickets[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ring->ticket_count && ring->tickets[low].id == id ? &ring->tickets[low] : NULL;
}

static const struct class_entry *class_of(const struct smr_keyring *ring, uint32_t class)
{
	return &ring->classes[class % SMR_STORE_TICKET_CLASSES];
}

const struct smr_ticket_key *smr_keyring_ticket_current(const struct smr_keyring *ring, uint32_t class)
{
	return class_of(ring, class)->current;
}

/* Does @p a suit the interval better than @p b? The tightest of those that are long enough, else the longest. */
static bool suits_better(uint32_t a, uint32_t b, uint32_t interval_s)
{
	return a >= interval_s ? b < interval_s || a < b : a > b;
}

uint32_t smr_keyring_class_for(const struct smr_keyring *ring, uint32_t interval_s)
{
	uint32_t wanted = interval_s != 0 ? interval_s : SMR_KEYRING_INTERVAL_DEFAULT;
	const struct smr_store_ticket_class *best = NULL;

	for (size_t i = 0; i < SMR_COUNT(ring->classes); i++) {
		const struct smr_store_ticket_class *class = &ring->classes[i].class;

		if (ring->classes[i].known && !class->retired &&
		    (best == NULL || suits_better(class->up_to_s, best->up_to_s, wanted)))
			best = class;
	}
	return best != NULL ? best->number : 0;
}

uint64_t smr_keyring_valid_until(const struct smr_keyring *ring)
{
	uint64_t now = ring->times.now;
	uint64_t until = UINT64_MAX;

	for (size_t i = 0; i < SMR_COUNT(ring->classes); i++) {
		uint64_t epoch_s = ring->classes[i].class.epoch_s;

		if (ring->classes[i].known && (now / epoch_s + 1) * epoch_s < until)
			until = (now / epoch_s + 1) * epoch_s;
	}
	for (size_t i = 0; i < ring->flight_count; i++) {
		const struct smr_flight_key *key = &ring->flights[i].key;

		if (key->not_before > now && key->not_before < until)
			until = key->not_before;
		if (key->not_after > now && key->not_after < until)
			until = key->not_after;
	}
	return until;
}

uint64_t smr_keyring_last_end(const struct smr_keyring *ring)
{
	uint64_t end = 0;

	for (size_t i = 0; i < ring->flight_count; i++) {
		const struct smr_flight_key *key = &ring->flights[i].key;

		if (key->kind == SMR_FLIGHT_KEY_EPOCH && key->not_after > end)
			end = key->not_after;
	}
	return end;
}

uint32_t smr_keyring_epoch(const struct smr_keyring *ring, uint32_t class)
{
	return class_of(ring, class)->epoch;
}

uint32_t smr_keyring_lifetime(const struct smr_keyring *ring, uint32_t class)
{
	return class_of(ring, class)->class.lifetime;
}

bool smr_keyring_gives_spare(const struct smr_keyring *ring, uint32_t class)
{
	return class_of(ring, class)->class.up_to_s >= ring->times.spare_from_s;
}

bool smr_keyring_approves(const struct smr_keyring *ring, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
			  const uint8_t state[SMR_HASH_LEN])
{
	struct approved key;

	memcpy(key.supplier, supplier, sizeof(key.supplier));
	memcpy(key.measurement, state, sizeof(key.measurement));
	return ring->measurement_count && bsearch(&key, ring->measurements, ring->measurement_count,
						  sizeof(*ring->measurements), compare_approved) != NULL;
}

bool smr_keyring_knows_event(const struct smr_keyring *ring, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
			     const struct smr_tpm_event *event)
{
	const struct booted key = booted_of(supplier, event);

	return ring->event_count &&
	       bsearch(&key, ring->events, ring->event_count, sizeof(*ring->events), compare_booted) != NULL;
}

const struct smr_keyring_shipment *smr_keyring_shipment(const struct smr_keyring *ring,
							const struct smr_shipment_id *shipment)
{
	if (ring->shipment_count == 0)
		return NULL;
	return bsearch(shipment, ring->shipments, ring->shipment_count, sizeof(*ring->shipments), compare_shipments);
}

size_t smr_keyring_gate_count(const struct smr_keyring *ring)
{
	return ring->gate_count;
}

const struct smr_keyring_gate *smr_keyring_gate_at(const struct smr_keyring *ring, size_t i)
{
	return i < ring->gate_count ? &ring->gates[i] : NULL;
}

const struct smr_keyring_gate *smr_keyring_gate_of(const struct smr_keyring *ring,
						   const struct smr_shipment_id *shipment)
{
	if (ring->gate_count == 0)
		return NULL;
	return bsearch(shipment, ring->gates, ring->gate_count, sizeof(*ring->gates), compare_shipments);
}

const uint8_t *smr_keyring_echo_key(const struct smr_keyring *ring, unsigned age)
{
	return ring->has_echo[age] ? ring->echo[age] : NULL;
}

/* Of the supplier whose shipment it names, and that one alone: one verification at most. NULL: it is not trusted. */
static const struct supplier *supplier_of(const struct smr_keyring *ring, const struct smr_keyring_shipment *shipment)
{
	for (size_t i = 0; i < ring->supplier_count; i++)
		if (memcmp(ring->suppliers[i].point, shipment->supplier, sizeof(shipment->supplier)) == 0)
			return &ring->suppliers[i];
	return NULL;
}

/** SMR_E_SIGNATURE: not of this supplier. */
static enum smr_err open_under(const struct supplier *by, struct smr_bytes certificate, struct smr_certificate *out,
			       const uint8_t **supplier)
{
	enum smr_err err = smr_certificate_open(certificate, &by->key, out);

	if (err == SMR_OK)
		*supplier = by->point;
	return err;
}

/* Of a shipment that is not loaded: nothing in the certificate says whose it is. Where there are more suppliers than may be
 * tried for one request, the next request begins where this one ends, so that the device's turn comes. */
static enum smr_err open_under_some(const struct smr_keyring *ring, struct smr_bytes certificate,
				    struct smr_certificate *out, const uint8_t **supplier)
{
	bool some = ring->supplier_count > SMR_KEYRING_SUPPLIERS_TRIED;
	size_t tries = some ? SMR_KEYRING_SUPPLIERS_TRIED : ring->supplier_count;
	size_t first = some ? atomic_fetch_add(&turn, SMR_KEYRING_SUPPLIERS_TRIED) : 0;

	for (size_t i = 0; i < tries; i++) {
		enum smr_err err =
			open_under(&ring->suppliers[(first + i) % ring->supplier_count], certificate, out, supplier);

		if (err != SMR_E_SIGNATURE)
			return err;
	}
	return SMR_E_UNTRUSTED_KEY;
}

enum smr_err smr_keyring_certificate(const struct smr_keyring *ring, struct smr_bytes certificate,
				     struct smr_certificate *out, const uint8_t **supplier)
{
	const struct smr_keyring_shipment *shipment;
	const struct supplier *by;
	enum smr_err err;

	SMR_TRY(smr_certificate_peek(certificate, out));
	shipment = smr_keyring_shipment(ring, &out->shipment);
	if (shipment == NULL)
		return open_under_some(ring, certificate, out, supplier);
	by = supplier_of(ring, shipment);
	err = by != NULL ? open_under(by, certificate, out, supplier) : SMR_E_SIGNATURE;
	return err == SMR_E_SIGNATURE ? SMR_E_UNTRUSTED_KEY : err;
}
