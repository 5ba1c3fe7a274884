/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store_rig.h
 * A store in a directory of its own, and devices, packages and contacts to fill it with. Device n has EID n, of up to 16 digits; what
 * belongs to it follows from n and the serial, so that a test can tell whose octets it found. Include after cmocka.h.
 *
 * The store is a SQLite file, or, when SAMARA_TEST_STORE is the address of a PostgreSQL (tests/lib/postgres.py), a schema
 * of its own there.
 */
#ifndef SMR_TESTS_UNIT_STORE_RIG_H
#define SMR_TESTS_UNIT_STORE_RIG_H

#include "store/store.h"

#define RIG_X_LEN 150u
#define RIG_EVIDENCE_LEN 180u
#define RIG_OPERATORS 2u

struct rig {
	char dir[64];
	char path[256]; /* address of the store */
	struct smr_store *store;
	uint8_t d[SMR_POINT_COMPRESSED_LEN]; /* of every device */
	uint8_t d_point[SMR_POINT_LEN];
	struct smr_shipment_id shipment;
	uint64_t number; /* of the last file loaded */
};

/** A new, empty store; fails the test on any error. */
int rig_setup(void **state);
int rig_teardown(void **state);

/** Give it the package keys of the rig's directory, which are made if there are none. */
void rig_use_ring(const struct rig *rig, struct smr_store *store);
/** Another handle with them on the same store; close it. */
struct smr_store *rig_another(const struct rig *rig, enum smr_store_mode mode);

/** Open and close @p where. @p words: what its problem has to say; NULL: anything. */
enum smr_err rig_open_says(const char *where, enum smr_store_mode mode, const char *words);

struct smr_eid rig_eid(uint64_t n);
struct smr_iccid rig_iccid(uint64_t n);
struct smr_key_id rig_operator(unsigned which);
struct smr_file_info rig_info(enum smr_file_type type, uint64_t number);
struct smr_store_party rig_party(const char *role, uint8_t seed);
/** Octets that only this package has. */
void rig_x(uint64_t n, uint64_t serial, uint8_t *out, size_t len);
struct smr_bytes rig_evidence(uint64_t n, uint32_t ctr, uint8_t room[RIG_EVIDENCE_LEN]);

void rig_load_begin(struct rig *rig, enum smr_file_type type);
void rig_load_keep(struct rig *rig);
enum smr_err rig_put_device(struct rig *rig, uint64_t n);
/** Inside a load. */
enum smr_err rig_put_package(struct rig *rig, unsigned operator_index, uint64_t n, uint64_t serial, size_t x_len,
			     struct smr_bytes order);
enum smr_err rig_put_command(struct rig *rig, uint64_t n, uint64_t serial);

/** Shipment with devices first…first+count-1, both operators' AuCs, a package of operator 0 for each with serial 1000 +
 * n. */
void rig_fill(struct rig *rig, uint64_t first, uint64_t count);
/** A whole load with one package, which has to succeed. */
void rig_reseal(struct rig *rig, uint64_t n, uint64_t serial, size_t x_len);

struct smr_store_device rig_get(struct smr_store *store, uint64_t n);
/** A change that leaves the row as it is but for the next counter. */
struct smr_store_change rig_change(struct smr_store *store, uint64_t n);
struct smr_receipt rig_receipt(enum smr_receipt_kind kind, uint64_t n, uint64_t serial);
enum smr_err rig_commit_one(struct smr_store *store, struct smr_store_change *change);
/** A flight that offers the package and keeps its evidence. */
void rig_offer(struct smr_store *store, uint64_t n);
/** The check-in with the install receipt. */
void rig_install(struct smr_store *store, uint64_t n);

/** Is it PostgreSQL? What only files have is skipped then. */
bool rig_is_pg(void);
#define RIG_NEEDS_SQLITE()       \
	do {                     \
		if (rig_is_pg()) \
			skip();  \
	} while (0)

/** Cut the needle into pieces of @p piece octets: how many occur in the database, plus how many in the log? */
size_t rig_count_pieces(const struct rig *rig, struct smr_bytes needle, size_t piece);
/** Ordinary SQL, past the store: to build foreign and old files. */
void rig_sql(const char *path, const char *script);

#endif
