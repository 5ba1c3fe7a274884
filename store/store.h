/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store.h
 * The RO's store. It speaks in batches: one call takes many operations, costs one round trip, is durable when it
 * returns, and reports per operation. The rules of what may happen to a row are in core/rules.h; the store applies
 * a change only if the row's revision is still the one that the decision was made on.
 *
 * Back ends: SQLite (WAL, synchronous=FULL) and PostgreSQL. A handle is used by one thread at a time; several handles,
 * also of several processes, may be open on one store.
 *
 * Errors of every call that reaches the store: SMR_E_DISK_FULL (also: the store is read-only), SMR_E_IO,
 * SMR_E_UNAVAILABLE (another process has been writing for 5 seconds, or PostgreSQL cannot be reached), SMR_E_NO_MEMORY.
 * Nothing has changed then, and the handle goes on working once the cause is gone. One thing is not known: when the
 * connection to PostgreSQL breaks while the end of a transaction is under way, all of it has been applied or nothing;
 * the revisions tell at the next look-up, and a file that is loaded again is SMR_E_EXISTS if it was. Meanwhile calls fail
 * at once, and connect again by themselves.
 */
#ifndef SMR_STORE_H
#define SMR_STORE_H

#include "core/rules.h"
#include "file/formats.h"
#include "store/ring.h"
#include "sys/problem.h"

#define SMR_STORE_BATCH_MAX 1024u

struct smr_store;

enum smr_store_mode { SMR_STORE_READ, SMR_STORE_WRITE, SMR_STORE_CREATE };

/* ---- where it is ---- */

/** A path of a SQLite file; else the address of a PostgreSQL data base, which begins with postgresql:// or postgres://. */
bool smr_store_is_file(const char *where);
/** As it may be shown and logged: without user, password and parameters. Returns @p where itself for a file, else @p room. */
const char *smr_store_shown(const char *where, char *room, size_t len);
/** A file's path is relative to @p dir; an address stays. *@p where is on the heap. */
enum smr_err smr_store_resolve(const char *dir, char **where) SMR_MUST_USE;
/** The store of the RO in @p dir, as its samarad.ini says. @param where  [out] free() it. */
enum smr_err smr_store_of(const char *dir, char **where, struct smr_problem *problem) SMR_MUST_USE;
/** Does the address itself hold a password? It belongs into ~/.pgpass or the environment, not into an argument. */
bool smr_store_has_password(const char *where);
/** The key of samarad.ini, for tables (sys/ini.h). */
#define SMR_STORE_INI_KEY(type, member)                                                                         \
	{                                                                                                       \
		"store", "path", SMR_INI_TEXT, offsetof(type, member), "samara.db", 1, 400,                     \
			"SQLite file of the store, or address of a PostgreSQL data base (postgresql://…)", NULL \
	}

/**
 * Open a store. An older schema is upgraded (write modes) and keeps its data; a newer one is SMR_E_UNSUPPORTED.
 * @param where  path of a SQLite file, which SMR_STORE_CREATE makes (mode 0600) if there is none; or the address of a
 *        PostgreSQL data base (libpq's URI; what it leaves out comes from libpq's environment and ~/.pgpass), in which it
 *        makes the tables. There has to be a data base, and its server must not have fsync off (SMR_E_UNSUPPORTED).
 * @param out    [out] on failure too (NULL only when memory is out): smr_store_problem says why. Close it in any case.
 * @return SMR_E_NOT_FOUND; SMR_E_MALFORMED: not a store of ours.
 */
enum smr_err smr_store_open(const char *where, enum smr_store_mode mode, struct smr_store **out) SMR_MUST_USE;
/**
 * The package keys, for handles that load or look up packages. SQLite overwrites, and needs none; PostgreSQL keeps X
 * encrypted under them (store/ring.h). The first that opens a store for writing makes them.
 * @param ring  held until the handle is closed.
 * @return SMR_E_NOT_FOUND, SMR_E_UNTRUSTED_KEY: what the store holds cannot be read with it. smr_store_problem says what to do.
 */
enum smr_err smr_store_use_ring(struct smr_store *store, struct smr_package_ring *ring) SMR_MUST_USE;
/** Rolls an open load back. NULL is allowed. */
void smr_store_close(struct smr_store *store);
/** Text of the last failure on this handle for the operator's eyes; never NULL, empty when the code says it all. */
const char *smr_store_problem(const struct smr_store *store);
/** Round trips (batch calls) made by this handle since it was opened. */
uint64_t smr_store_round_trips(const struct smr_store *store);

/* ---- the hot path ---- */

/** What the store wants to know again when it commits to a row: it decides by what was looked up, and the revision
 * vouches that it is still so. The caller copies it from the device into the change and leaves it alone. */
struct smr_store_grip {
	uint64_t operator_number; /* references: 0 when there is none */
	uint64_t package;
	uint64_t evidence;
	bool has_x;
	enum smr_row_state state;
	uint32_t lineage;
	struct smr_iccid iccid;
	uint64_t serial;
	struct smr_store_waiting_command {
		uint64_t operator_number;
		uint64_t serial;
		struct smr_iccid iccid;
	} commands[SMR_OBJECTS_MAX]; /* those of the objects */
	size_t command_count;
};

/** A device with its subscription, as looked up. Fixed room, so that a batch is one array of the caller. */
struct smr_store_device {
	struct smr_eid eid; /* [in] */
	bool want_package;  /* [in] fetch x, w, order */
	bool want_commands; /* [in] fetch pending commands */
	enum smr_err err;   /* [out] SMR_OK; SMR_E_NOT_FOUND */
	uint64_t revision;
	struct smr_row row; /* measurement_approved is the caller's to fill */
	struct smr_store_grip grip;
	bool known_d; /* the device came with a shipment */
	uint8_t d[SMR_POINT_LEN];
	uint32_t interval_s; /* between its check-ins, as the operator says; 0: unknown */
	bool has_shipment;   /* else zeros. Without known_d: the one that the package was sealed for */
	struct smr_shipment_id shipment;
	struct smr_key_id operator_id;
	uint8_t w[SMR_SIG_LEN];
	uint8_t x[SMR_X_MAX];
	size_t x_len;
	bool x_lost; /* it is there, and cannot be read: its key is missing, or it is damaged */
	uint8_t order[SMR_ORDER_MAX];
	size_t order_len;
	uint8_t objects[SMR_OBJECTS_MAX][SMR_COMMAND_MAX];
	size_t object_len[SMR_OBJECTS_MAX];
	size_t object_count;
};
/** Devices will be looked up by this process: what all look-ups go through is read from the disk meanwhile, by threads of the handle, with
 * processor time that nobody else wants. A hint, for one handle of a process; PostgreSQL has a cache and tools of its own. */
void smr_store_warm_up(struct smr_store *store);
/** This device will be looked up in a moment. While look-ups wait for the disk its pages are read meanwhile, by threads of the handle; otherwise
 * this costs next to nothing. A hint: it cannot fail, and changes nothing but how long the look-up takes. */
void smr_store_expect(struct smr_store *store, const struct smr_eid *eid);
/** Look up @p count devices in one round trip. SMR_E_UNAVAILABLE, SMR_E_IO: nothing in @p devices is valid. */
enum smr_err smr_store_lookup(struct smr_store *store, struct smr_store_device *devices, size_t count) SMR_MUST_USE;

/** A change of one row, as decided by core/rules.h. */
struct smr_store_change {
	struct smr_eid eid;
	uint64_t revision;	    /* [in] that the decision was made on: of the row, its package and its commands */
	struct smr_store_grip grip; /* [in] of the same look-up */
	enum smr_row_state state;
	uint32_t ctr;
	uint8_t hash[SMR_HASH_LEN];
	uint32_t lineage;
	struct smr_tpm_memory tpm;
	bool keep_evidence; /* evidence, e, q below replace the row's */
	bool missing; /* and go into the relay at once, with no receipt: the device does not hold the row's package */
	struct smr_bytes evidence;
	uint8_t e[SMR_POINT_COMPRESSED_LEN];
	uint8_t q[SMR_POINT_COMPRESSED_LEN];
	bool purge_x; /* X is overwritten and removed (secure_delete) */
	/* To relay to the operator; an install receipt takes the row's evidence with it, a command receipt ends the
	 * pending state of its command, if the look-up has asked for commands. One that is in the relay already, or was, is not put there twice. */
	struct smr_receipt receipts[SMR_RECEIPTS_MAX];
	size_t receipt_count;
	enum smr_err
		err; /* [out] SMR_OK: durable; SMR_E_BUSY: the row has changed meanwhile, look up and decide again */
};
/** Apply in one transaction; durable on return. SMR_E_DISK_FULL, SMR_E_IO, SMR_E_UNAVAILABLE: nothing was applied. Of
 * two changes of one device in a batch the second is SMR_E_BUSY. X is overwritten, too, when the row becomes RESEAL. */
enum smr_err smr_store_commit(struct smr_store *store, struct smr_store_change *changes, size_t count) SMR_MUST_USE;

/* ---- keys that all front ends share ---- */

struct smr_store_flight_key {
	struct smr_flight_key key;
	uint8_t scalar[SMR_SCALAR_LEN];
	uint8_t encoded[SMR_FLIGHT_KEY_MAX]; /* signed by the RO root */
	size_t encoded_len;
};
/** All flight keys in ascending number; @p count [in] room, [out] number. SMR_E_NO_ROOM; @p keys are wiped on error. */
enum smr_err smr_store_flight_keys(struct smr_store *store, struct smr_store_flight_key *keys,
				   size_t *count) SMR_MUST_USE;
/** SMR_E_EXISTS: there is one with this number. */
enum smr_err smr_store_add_flight_key(struct smr_store *store, const struct smr_store_flight_key *key) SMR_MUST_USE;
/** Erase the epoch keys that ended at or before @p now (seconds since 1970): their rows go, overwritten. Remnants in
 * the log live until smr_store_checkpoint. */
enum smr_err smr_store_erase_flight_keys(struct smr_store *store, uint64_t now, size_t *erased) SMR_MUST_USE;

/**
 * A class of tickets: how long the epochs of its keys last, and how many of them a lineage lives, for devices that check in about as
 * often. The classes are in the store, so that all front ends go by the same ones. What a class says never changes, since tickets in
 * the field count in its epochs: another class takes its place, and the old one, retired, only opens until its last key is gone.
 */
struct smr_store_ticket_class {
	uint8_t number;	  /* in the id of its keys */
	uint32_t up_to_s; /* for intervals between check-ins up to this */
	uint32_t epoch_s;
	uint32_t lifetime; /* L: epochs */
	bool retired;
};
#define SMR_STORE_TICKET_CLASSES 256u
/** Longest lifetime of a class: bounds how many keys there are. */
#define SMR_STORE_LIFETIME_MAX 120u
/** Keys that a class has at most at a time: this epoch's, older ones, and those ahead of it. */
#define SMR_STORE_CLASS_KEYS(lifetime) ((lifetime) + 1u + SMR_TICKET_EPOCHS_AHEAD)
/** All classes together: room that is always enough. */
#define SMR_STORE_TICKET_KEYS_MAX 1024u
/** All classes in ascending number; @p count [in] room, [out] number. SMR_E_NO_ROOM. */
enum smr_err smr_store_ticket_classes(struct smr_store *store, struct smr_store_ticket_class *classes,
				      size_t *count) SMR_MUST_USE;
/** Add a class, which takes the place of the one with the same up_to_s. @param added  number [out]; retired is not looked at.
 * SMR_E_EXISTS: that one says the same already; SMR_E_NO_ROOM: all 256 numbers are in use; SMR_E_INVALID: a value of 0, or too long
 * a lifetime. */
enum smr_err smr_store_put_ticket_class(struct smr_store *store, struct smr_store_ticket_class *added) SMR_MUST_USE;

/**
 * The ticket keys of all classes for the time @p now (seconds since 1970). Where the key of the present epoch or the next one is
 * missing it is made; of several front ends that find it missing one makes it and all get that one. Keys older than the lifetime of
 * their class are erased, and so are those far ahead of the time (of a clock that was wrong) and retired classes without keys; but
 * only while time flows: after a gap nothing is erased before the next epoch, so that a clock that jumps for a moment costs no
 * device its ticket.
 *
 * @param keys  [out] in ascending id. @param count [in] room, [out] number. SMR_E_NO_ROOM; @p keys are wiped on error.
 */
enum smr_err smr_store_ticket_keys(struct smr_store *store, uint64_t now, struct smr_ticket_key *keys,
				   size_t *count) SMR_MUST_USE;

/** Progress is counted in so many parts. */
#define SMR_STORE_ROTATION_PARTS 4096u
struct smr_store_rotation {
	bool done;	 /* every package is under the newest key, and the keys that no package needs are forgotten */
	uint32_t part;	 /* of SMR_STORE_ROTATION_PARTS: how far encrypting anew has come, in all front ends together */
	uint64_t wait_s; /* 0: there is more to do at once; else seconds until there is */
};
/**
 * A step of the life of package keys: begin the next epoch when the present one is a day old and nothing is left to do for it,
 * encrypt at most 256 packages anew in one transaction, end old epochs, forget their keys. It takes milliseconds, however many
 * packages there are. How far encrypting has come is in the store: any number of front ends may take steps at once, any may be
 * killed meanwhile, and whoever takes the next step goes on where the last one ended.
 * @param now  begin the next epoch whatever the present one's age is, if nothing is left to do for that (it was done).
 * @return also the errors of smr_store_use_ring. A load that is under way is waited for only with @p now.
 */
enum smr_err smr_store_rotate_packages(struct smr_store *store, bool now, struct smr_store_rotation *out) SMR_MUST_USE;
/** Package keys are lost for good: begin with new ones, and make the rows of all packages that cannot be read RESEAL.
 * Nothing happens to what can be read. @param count  [out] rows that were given up. */
enum smr_err smr_store_lose_packages(struct smr_store *store, uint64_t *count) SMR_MUST_USE;

/* ---- what changes while servers run ---- */

/** How far the store has moved. One cheap read; not counted as a round trip of a device. */
struct smr_store_position {
	uint64_t
		sequence; /* grows with whatever a running server must load anew: keys, classes, references, shipments, parties */
	uint64_t journal; /* grows with every change of what is pending for some device */
};
enum smr_err smr_store_position(struct smr_store *store, struct smr_store_position *out) SMR_MUST_USE;

/** Entries that the journal keeps: a reader that is farther behind reads everything that is pending. */
#define SMR_STORE_JOURNAL 4096u
/** @param pending  do this device's check-ins need their row? A command or a new package waits for it, or it is revoked. */
typedef void smr_store_pending_each(void *context, const struct smr_eid *eid, bool pending);
/** All devices for which something is pending. @param journal  [out] the position that this is the state of. */
enum smr_err smr_store_pending(struct smr_store *store, uint64_t *journal, smr_store_pending_each *each,
			       void *context) SMR_MUST_USE;
/** Those whose pending state may have changed since @p journal [in, out], with the present one; some perhaps twice.
 * SMR_E_NOT_FOUND: the journal does not reach back so far, or this is another store than then; read everything. */
enum smr_err smr_store_pending_since(struct smr_store *store, uint64_t *journal, smr_store_pending_each *each,
				     void *context) SMR_MUST_USE;
/** Approved measurements with the supplier they belong to. */
struct smr_store_reference {
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint8_t measurement[SMR_HASH_LEN];
	struct smr_bytes log; /* the boot log that it comes from, for the time of the call; empty: software */
};
enum smr_err smr_store_references(struct smr_store *store,
				  void (*each)(void *context, const struct smr_store_reference *reference),
				  void *context) SMR_MUST_USE;
/** Shipments: which supplier and owner stand behind an id. */
struct smr_store_shipment {
	struct smr_shipment_about about;
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint64_t number; /* [in] of smr_store_put_shipment: the supplier's; later shipments may enrol a device anew */
};
enum smr_err smr_store_shipments(struct smr_store *store,
				 void (*each)(void *context, const struct smr_store_shipment *shipment),
				 void *context) SMR_MUST_USE;

/* ---- relay to the operators ---- */

/** A relay record as spooled; views valid during the call. */
struct smr_store_relay {
	uint64_t sequence;
	struct smr_key_id operator_id;
	struct smr_evidence_record record;
};
/** Records not yet put into a numbered file, oldest first, for one operator, at most @p limit. They are the next file:
 * until smr_store_relay_spooled every call gives exactly these, also after a restart, whatever has arrived since. @p
 * count 0: nothing waits. SMR_E_NOT_FOUND: no such operator. */
enum smr_err smr_store_relay_next(struct smr_store *store, const struct smr_key_id *operator_id, size_t limit,
				  void (*each)(void *context, const struct smr_store_relay *relay), void *context,
				  uint64_t *last_sequence, size_t *count) SMR_MUST_USE;
/** Records up to @p last_sequence of this operator are in file @p number. Idempotent. SMR_E_INVALID: not what
 * smr_store_relay_next gave last, or not the next number. */
enum smr_err smr_store_relay_spooled(struct smr_store *store, const struct smr_key_id *operator_id,
				     uint64_t last_sequence, uint64_t number) SMR_MUST_USE;
/** Numbers above @p after of files that are written but not wholly acknowledged, ascending. @param count [in] room, [out] number: fewer than
 * there was room for, then these are the last. */
enum smr_err smr_store_relay_open_files(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t after,
					uint64_t *numbers, size_t *count) SMR_MUST_USE;
/** The records of file @p number that are not acknowledged, to write a file again that was lost on its way. */
enum smr_err smr_store_relay_again(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t number,
				   void (*each)(void *context, const struct smr_store_relay *relay), void *context,
				   size_t *count) SMR_MUST_USE;
/** Highest file number given out for this operator, 0: none. */
enum smr_err smr_store_relay_number(struct smr_store *store, const struct smr_key_id *operator_id,
				    uint64_t *number) SMR_MUST_USE;
/**
 * Apply an operator's acknowledgement of file @p of: accepted records go; a rejected install makes its row RESEAL
 * (if it still holds that ICCID and serial). Idempotent. Only records of that file are touched.
 * @return SMR_E_NOT_FOUND: no such operator, or the file is not noted as written yet (try again after relay_spooled).
 */
enum smr_err smr_store_acknowledge(struct smr_store *store, const struct smr_key_id *operator_id, uint64_t of,
				   const struct smr_ack_record *acks, size_t count) SMR_MUST_USE;

/* ---- loading files: one transaction per file ---- */

/** Begin; everything until smr_store_load_end is one transaction, and the smr_store_put_ calls belong in between (else
 * SMR_E_INVALID). Other writers wait meanwhile: read and check the file first. @return SMR_E_EXISTS: this sender, type
 * and number is loaded already (nothing to do); SMR_E_SERIAL: a higher number of a replacing type is loaded. */
enum smr_err smr_store_load_begin(struct smr_store *store, const struct smr_file_info *info) SMR_MUST_USE;
/**
 * What the next calls are about, so that a back end that is far away fetches it at once. A hint: without it, or when the
 * calls are about others, each asks for itself.
 */
struct smr_store_ahead {
	struct smr_eid eid;
	struct smr_iccid iccid; /* of packages */
};
#define SMR_STORE_AHEAD_MAX 256u
/** @param operator_id  whose packages come; NULL: the ICCIDs are not looked at. */
enum smr_err smr_store_look_ahead(struct smr_store *store, const struct smr_store_ahead *list, size_t count,
				  const struct smr_key_id *operator_id) SMR_MUST_USE;
/** Commit or roll back. If any call since the beginning failed, @p keep true rolls back too and returns that error. */
enum smr_err smr_store_load_end(struct smr_store *store, bool keep) SMR_MUST_USE;

/* Trust, added by `samara ro trust`: which cards the RO accepts files from. */
struct smr_store_party {
	char role[16];
	char name[65];
	uint8_t sign[SMR_POINT_COMPRESSED_LEN];
	bool has_kem;
	uint8_t kem[SMR_POINT_COMPRESSED_LEN];
};
enum smr_err smr_store_trust(struct smr_store *store, const struct smr_store_party *party) SMR_MUST_USE;
/** SMR_E_UNTRUSTED_KEY: no party of that role has this key. */
enum smr_err smr_store_party(struct smr_store *store, const char *role, const uint8_t sign[SMR_POINT_COMPRESSED_LEN],
			     struct smr_store_party *out) SMR_MUST_USE;
enum smr_err smr_store_parties(struct smr_store *store,
			       void (*each)(void *context, const struct smr_store_party *party),
			       void *context) SMR_MUST_USE;

/** SMR_E_DUPLICATE: this id is known with another supplier, owner, gate key or platform. */
enum smr_err smr_store_put_shipment(struct smr_store *store, const struct smr_store_shipment *shipment) SMR_MUST_USE;
/** An EID that is known with another key, in a shipment with a higher number of the same supplier, was enrolled anew: where no operator has
 * sealed yet the keys change at once, else they wait until a batch of the operator names this shipment. In a shipment with a lower number it
 * is passed over. SMR_E_DUPLICATE: known with another key otherwise; SMR_E_NOT_FOUND: no such shipment; SMR_E_BAD_POINT. */
enum smr_err smr_store_put_device(struct smr_store *store, const struct smr_shipment_id *shipment,
				  const struct smr_shipment_record *record) SMR_MUST_USE;
/** How many devices of the load in progress, or the last one, were enrolled anew. */
uint64_t smr_store_load_renewed(const struct smr_store *store);
/** Add to the sender's list; beginning a load of references has removed the old one. SMR_E_DUPLICATE; SMR_E_INVALID:
 * not the list of the sender. */
enum smr_err smr_store_put_reference(struct smr_store *store, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
				     const struct smr_reference_record *record) SMR_MUST_USE;
/** When the record names another shipment than the device is known from, and keys of that one wait, they become the device's, with counter
 * and lineage 0. SMR_E_NOT_FOUND: it names another shipment, but none waits. SMR_E_SERIAL, SMR_E_STATE as smr_rules_load says; SMR_E_DUPLICATE: the ICCID is live on another device of this
 * operator; SMR_E_NOT_FOUND: the operator has no AuC yet. A device that came with no shipment is created without a key
 * (it shows a certificate). */
enum smr_err smr_store_put_package(struct smr_store *store, const struct smr_batch_record *record) SMR_MUST_USE;
/** The operator's AuC, from the batch's about: where evidence is sealed to and whose acknowledgements count. */
enum smr_err smr_store_put_auc(struct smr_store *store, const struct smr_key_id *operator_id,
			       const struct smr_store_party *auc) SMR_MUST_USE;
struct smr_store_operator {
	uint64_t number; /* in the order in which they came; it stays */
	struct smr_key_id operator_id;
	struct smr_store_party auc;
};
/** A page of the operators: those with a number above @p after (0: from the first), ascending. @param count [in] room, [out] number: fewer than
 * there was room for, then these are the last. */
enum smr_err smr_store_operators(struct smr_store *store, uint64_t after, struct smr_store_operator *out,
				 size_t *count) SMR_MUST_USE;
/** A command waits for its device. SMR_E_NOT_FOUND: no such device or ICCID; SMR_E_SERIAL: an equal or higher one is
 * known. A pending one with a lower serial for the same ICCID is superseded (absolute states). */
enum smr_err smr_store_put_command(struct smr_store *store, const struct smr_key_id *operator_id,
				   const struct smr_command_record *record) SMR_MUST_USE;
/** The operator takes a package back (record->serial): its X is overwritten and the row RESEAL, whatever state it is in. Nothing happens when a
 * higher serial has taken its place. SMR_E_NOT_FOUND: it is not here (yet). */
enum smr_err smr_store_withdraw(struct smr_store *store, const struct smr_key_id *operator_id,
				const struct smr_command_record *record) SMR_MUST_USE;
/** Mark a device revoked or not. SMR_E_NOT_FOUND. */
enum smr_err smr_store_revoke(struct smr_store *store, const struct smr_eid *eid, bool revoked) SMR_MUST_USE;

/* ---- status ---- */

struct smr_store_counts {
	uint64_t devices, by_state[5], commands_pending, relay_waiting, relay_unacknowledged, shipments, operators,
		references;
};
/** Copy the write-ahead log into the database, beside commits. Nothing else does while the store is open. Call it some times a second, from a
 * handle that does not commit: commits share the disk with it, and it should never have much to copy. None waits for it but one every 34
 * megabytes: a log of that length is begun anew, for what it overwrites is made durable sooner than what it grows by.
 * @param octets  [out] length of what was in the log. */
enum smr_err smr_store_copy_log(struct smr_store *store, uint64_t *octets) SMR_MUST_USE;
/** The same, and truncate the log: bounds its size and the life of remnants. Commits wait for it, tens of milliseconds. SMR_E_BUSY: readers or a
 * writer were in the way of truncating; what could be copied was, the next call does the rest. */
enum smr_err smr_store_checkpoint(struct smr_store *store) SMR_MUST_USE;

enum smr_err smr_store_count(struct smr_store *store, struct smr_store_counts *out) SMR_MUST_USE;
/** One device for `samara ro status --eid`. */
struct smr_store_device_status {
	struct smr_store_device device;
	bool has_evidence;
	uint64_t commands_pending;
	uint64_t relay_waiting;
	bool enrolled_anew; /* keys of anew_shipment wait for the operator's consent */
	struct smr_shipment_id anew_shipment;
};
enum smr_err smr_store_device_status(struct smr_store *store, const struct smr_eid *eid,
				     struct smr_store_device_status *out) SMR_MUST_USE;

#endif
