/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sql.h
 * The statements of the PostgreSQL back end that are about one row, or small tables: X(name, types, bucket, text). Those
 * of the hot path are in lookup.c and rows.c.
 *
 * types: one per parameter that is bound (i int8, 4 int4, b bytea, t text). bucket: number of the parameter whose bucket follows
 * as one more parameter, an int4; 0: none. Every statement about a distributed table names its bucket, but for those
 * that are about all devices (docs/decisions/0016-postgresql.md).
 */
#ifndef SMR_STORE_PG_SQL_H
#define SMR_STORE_PG_SQL_H

#define SMR_PG_LIST(X)                                                                                                 \
	/* transactions */                                                                                             \
	X(BEGIN_READ, "", 0, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")                                        \
	X(BEGIN_WRITE, "", 0, "BEGIN")                                                                                 \
	X(COMMIT, "", 0, "COMMIT")                                                                                     \
	X(ROLLBACK, "", 0, "ROLLBACK")                                                                                 \
	X(PATIENCE, "", 0, "SET LOCAL lock_timeout = '5s'")                                                            \
	X(PROMPTNESS, "", 0, "SET LOCAL idle_in_transaction_session_timeout = '10s'")                                  \
	X(WRITER_LOCK, "", 0, "SELECT value FROM meta WHERE name = 'writer' FOR UPDATE")                               \
	/* meta */                                                                                                     \
	X(META_GET, "t", 0, "SELECT value FROM meta WHERE name = $1")                                                  \
	X(META_SET, "ti", 0,                                                                                           \
	  "INSERT INTO meta (name, value) VALUES ($1, $2) "                                                            \
	  "ON CONFLICT (name) DO UPDATE SET value = excluded.value")                                                   \
	X(META_BUMP, "", 0, "UPDATE meta SET value = value + 1 WHERE name = 'sequence'")                               \
	X(POSITION, "", 0,                                                                                             \
	  "SELECT (SELECT value FROM meta WHERE name = 'sequence'), (SELECT value FROM meta WHERE name = 'journal')")  \
	X(JOURNAL_SKIP, "i", 0, "UPDATE meta SET value = value + $1 WHERE name = 'journal'")                           \
	/* rows of devices */                                                                                          \
	X(ROW_TOUCH, "b", 1, "UPDATE device SET revision = revision + 1 WHERE bucket = $2 AND eid = $1")               \
	X(ROW_CLAIM, "bi", 1,                                                                                          \
	  "SELECT eid FROM device WHERE bucket = $3 AND eid = $1 AND revision = $2 FOR UPDATE SKIP LOCKED")            \
	X(ROW_GET, "b", 1,                                                                                             \
	  "SELECT revision, state, revoked, operator, iccid, serial, has_x, has_x, evidence, shipment, d, "            \
	  "sealed_for, "                                                                                               \
	  "lineage FROM device WHERE bucket = $2 AND eid = $1 FOR UPDATE")                                             \
	X(ROW_SET_KEY, "bbi", 1,                                                                                       \
	  "UPDATE device SET revision = revision + 1, d = $2, shipment = $3 WHERE bucket = $4 AND eid = $1")           \
	X(ROW_REENROL, "bbi", 1,                                                                                       \
	  "UPDATE device SET revision = revision + 1, d = $2, shipment = $3, ctr = 0, lineage = 0, tpm_state = NULL, " \
	  "hash = '\\x0000000000000000000000000000000000000000000000000000000000000000' "                              \
	  "WHERE bucket = $4 AND eid = $1")                                                                            \
	X(ROW_SET_RESEAL, "b", 1,                                                                                      \
	  "UPDATE device SET revision = revision + 1, state = 4, has_x = 0 WHERE bucket = $2 AND eid = $1")            \
	X(ROW_SET_REVOKED, "bi", 1,                                                                                    \
	  "UPDATE device SET revision = revision + 1, revoked = $2 WHERE bucket = $3 AND eid = $1 AND revoked <> $2")  \
	X(REENROLMENT_GET, "b", 1,                                                                                     \
	  "SELECT r.shipment, r.d, s.id, s.file_number FROM reenrolment r JOIN shipment s ON s.number = r.shipment "   \
	  "WHERE r.bucket = $2 AND r.eid = $1")                                                                        \
	X(REENROLMENT_PUT, "bib", 1,                                                                                   \
	  "INSERT INTO reenrolment (bucket, eid, shipment, d) VALUES ($4, $1, $2, $3) "                                \
	  "ON CONFLICT (bucket, eid) DO UPDATE SET shipment = excluded.shipment, d = excluded.d")                      \
	X(REENROLMENT_DELETE, "b", 1, "DELETE FROM reenrolment WHERE bucket = $2 AND eid = $1")                        \
	X(EVIDENCE_DELETE, "bi", 1, "DELETE FROM evidence WHERE bucket = $3 AND eid = $1 AND number = $2")             \
	/* packages */                                                                                                 \
	X(PACKAGE_KEYS, "", 0,                                                                                         \
	  "SELECT epoch, tag, abs(extract(epoch FROM now())::int8 - since), walk_bucket FROM package_key "             \
	  "ORDER BY epoch")                                                                                            \
	X(PACKAGE_KEY_PUT, "ib", 0,                                                                                    \
	  "INSERT INTO package_key (epoch, tag, since) VALUES ($1, $2, extract(epoch FROM now())::int8)")              \
	X(PACKAGE_KEY_END, "i", 0, "DELETE FROM package_key WHERE epoch < $1")                                         \
	X(PACKAGE_BUCKETS, "44i", 0,                                                                                   \
	  "SELECT DISTINCT bucket FROM package WHERE bucket >= $1 AND bucket < $2 AND epoch < $3 ORDER BY bucket")     \
	X(PACKAGE_WALK, "i", 0,                                                                                        \
	  "SELECT walk_bucket, walk_epoch, walk_eid, walk_left FROM package_key WHERE epoch = $1 "                     \
	  "FOR UPDATE SKIP LOCKED")                                                                                    \
	X(PACKAGE_WALK_SET, "i4ib4", 0,                                                                                \
	  "UPDATE package_key SET walk_bucket = $2, walk_epoch = $3, walk_eid = $4, walk_left = $5 WHERE epoch = $1")  \
	X(PACKAGES_OLD, "4iibi", 0,                                                                                    \
	  "SELECT eid, epoch, sealed_x FROM package WHERE bucket = $1 AND epoch < $2 AND (epoch, eid) > ($3, $4) "     \
	  "ORDER BY epoch, eid LIMIT $5 FOR UPDATE SKIP LOCKED")                                                       \
	X(PACKAGES_THERE, "4iibi", 0,                                                                                  \
	  "SELECT eid, epoch FROM package WHERE bucket = $1 AND epoch < $2 AND (epoch, eid) > ($3, $4) "               \
	  "ORDER BY epoch, eid LIMIT $5")                                                                              \
	X(PACKAGES_LOST, "4i", 0,                                                                                      \
	  "SELECT eid FROM package WHERE bucket = $1 AND epoch > 0 AND epoch < $2 ORDER BY epoch, eid LIMIT 256")      \
	X(PACKAGE_PURGE, "b", 1, "DELETE FROM package WHERE bucket = $2 AND eid = $1")                                 \
	X(ICCID_GET, "bi", 1, "SELECT eid FROM iccid WHERE bucket = $3 AND operator = $2 AND iccid = $1")              \
	/* commands */                                                                                                 \
	X(COMMAND_GET, "bb", 1,                                                                                        \
	  "SELECT operator, serial, pending FROM command WHERE bucket = $3 AND eid = $1 AND iccid = $2")               \
	X(COMMAND_PUT, "bbiib", 1,                                                                                     \
	  "INSERT INTO command (bucket, eid, iccid, operator, serial, pending, command) "                              \
	  "VALUES ($6, $1, $2, $3, $4, 1, $5) ON CONFLICT (bucket, eid, iccid) DO UPDATE "                             \
	  "SET operator = excluded.operator, serial = excluded.serial, pending = 1, command = excluded.command, "      \
	  "result = NULL")                                                                                             \
	X(COMMAND_AGAIN, "bbii", 1,                                                                                    \
	  "UPDATE command SET pending = 1, result = NULL WHERE bucket = $5 AND eid = $1 AND iccid = $2 "               \
	  "AND operator = $3 AND serial = $4 AND pending = 0 AND command IS NOT NULL")                                 \
	/* An index for each; the last is smr_held_waits, by way of the packages that it can hold for. */              \
	X(COMMAND_PENDING, "", 0,                                                                                      \
	  "SELECT eid FROM command WHERE pending <> 0 UNION SELECT eid FROM device WHERE revoked <> 0 UNION "          \
	  "SELECT p.eid FROM package p JOIN device d ON d.bucket = p.bucket AND d.eid = p.eid "                        \
	  "WHERE p.waits <> 0 AND d.state = 1 AND d.lineage <> 0")                                                     \
	/* The same condition, for the devices that changed. */                                                        \
	X(PENDING_SINCE, "i", 0,                                                                                       \
	  "SELECT j.eid, (EXISTS (SELECT 1 FROM command c WHERE c.bucket = j.bucket AND c.eid = j.eid "                \
	  "AND c.pending <> 0) OR EXISTS (SELECT 1 FROM device d WHERE d.bucket = j.bucket AND d.eid = j.eid AND "     \
	  "(d.revoked <> 0 OR (d.state = 1 AND d.lineage <> 0))))::int4 FROM journal j WHERE j.entry > $1")            \
	/* relay */                                                                                                    \
	X(RELAY_STILL, "", 0, "LOCK TABLE relay IN SHARE MODE")                                                        \
	X(RELAY_NTH, "iii", 0, "SELECT seq FROM relay WHERE operator = $1 AND seq > $2 ORDER BY seq LIMIT $3")         \
	X(RELAY_RANGE, "iii", 0,                                                                                       \
	  "SELECT r.seq, r.eid, r.iccid, r.serial, r.kind, r.result, r.mac, v.evidence, v.e, v.q FROM relay r "        \
	  "LEFT JOIN evidence v ON v.bucket = r.bucket AND v.eid = r.eid AND v.number = r.evidence "                   \
	  "WHERE r.operator = $1 AND r.seq > $2 AND r.seq <= $3 ORDER BY r.seq")                                       \
	X(RELAY_DELETE, "bii", 1,                                                                                      \
	  "WITH r AS (DELETE FROM relay WHERE bucket = $4 AND operator = $2 AND seq = $3 RETURNING eid, evidence) "    \
	  "DELETE FROM evidence v USING r WHERE v.bucket = $4 AND v.eid = r.eid AND v.number = r.evidence")            \
	X(RELAY_RESERVE, "ii", 0, "UPDATE operator SET relay_reserved = $2 WHERE number = $1")                         \
	X(RELAY_SPOOLED, "iii", 0,                                                                                     \
	  "UPDATE operator SET relay_number = $2, relay_last = $3, relay_reserved = 0 WHERE number = $1")              \
	X(RELAY_FILE_PUT, "iiii", 0, "INSERT INTO relay_file (operator, number, after, last) VALUES ($1, $2, $3, $4)") \
	X(RELAY_FILE_GET, "ii", 0, "SELECT after, last FROM relay_file WHERE operator = $1 AND number = $2")           \
	X(RELAY_FILE_LIST, "iii", 0,                                                                                   \
	  "SELECT number FROM relay_file WHERE operator = $1 AND number > $2 ORDER BY number LIMIT $3")                \
	X(RELAY_FILE_END, "ii", 0, "DELETE FROM relay_file WHERE operator = $1 AND number = $2")                       \
	/* keys: to empty a table is to give its file back, erased keys and all */                                     \
	X(FLIGHT_KEYS, "", 0,                                                                                          \
	  "SELECT number, kind, q, not_before, not_after, scalar, encoded FROM flight_key ORDER BY number")            \
	X(FLIGHT_KEY_PUT, "iibiibb", 0,                                                                                \
	  "INSERT INTO flight_key (number, kind, q, not_before, not_after, scalar, encoded) "                          \
	  "VALUES ($1, $2, $3, $4, $5, $6, $7)")                                                                       \
	X(FLIGHT_KEY_GET, "i", 0, "SELECT 1 FROM flight_key WHERE number = $1")                                        \
	X(FLIGHT_KEY_CLEAR, "", 0, "TRUNCATE flight_key")                                                              \
	X(TICKET_CLASSES, "", 0,                                                                                       \
	  "SELECT number, up_to_s, epoch_s, lifetime, retired FROM ticket_class ORDER BY number")                      \
	X(TICKET_CLASS_RETIRE, "i", 0, "UPDATE ticket_class SET retired = 1 WHERE up_to_s = $1")                       \
	X(TICKET_CLASS_PUT, "iiii", 0,                                                                                 \
	  "INSERT INTO ticket_class (number, up_to_s, epoch_s, lifetime, retired) VALUES ($1, $2, $3, $4, 0)")         \
	X(TICKET_CLASS_END, "i", 0, "DELETE FROM ticket_class WHERE number = $1")                                      \
	X(TICKET_KEYS, "", 0, "SELECT id, key FROM ticket_key ORDER BY id")                                            \
	X(TICKET_KEY_PUT, "ib", 0, "INSERT INTO ticket_key (id, key) VALUES ($1, $2)")                                 \
	X(TICKET_KEY_CLEAR, "", 0, "TRUNCATE ticket_key")                                                              \
	/* what is loaded */                                                                                           \
	X(LOADED_GET, "bii", 0, "SELECT 1 FROM loaded WHERE sender = $1 AND type = $2 AND number = $3")                \
	X(LOADED_ALL, "bi", 0, "SELECT number FROM loaded WHERE sender = $1 AND type = $2")                            \
	X(LOADED_PUT, "bii", 0, "INSERT INTO loaded (sender, type, number) VALUES ($1, $2, $3)")                       \
	X(PARTY_PUT, "tbtb", 0,                                                                                        \
	  "INSERT INTO party (role, sign, name, kem) VALUES ($1, $2, $3, $4) "                                         \
	  "ON CONFLICT (role, sign) DO UPDATE SET name = excluded.name, kem = excluded.kem")                           \
	X(PARTY_GET, "tb", 0, "SELECT role, name, sign, kem FROM party WHERE role = $1 AND sign = $2")                 \
	X(PARTIES, "", 0, "SELECT role, name, sign, kem FROM party ORDER BY role, name, sign")                         \
	X(SHIPMENT_PUT, "bbbbii", 0,                                                                                   \
	  "INSERT INTO shipment (number, id, supplier, owner, gate, file_number, platform) "                           \
	  "SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, $6 FROM shipment")                                 \
	X(SHIPMENT_BY_NUMBER, "i", 0, "SELECT id, supplier, file_number FROM shipment WHERE number = $1")              \
	X(SHIPMENT_GET, "b", 0, "SELECT number, supplier, owner, gate, platform FROM shipment WHERE id = $1")          \
	X(SHIPMENTS, "", 0, "SELECT id, supplier, owner, gate, platform FROM shipment ORDER BY number")                \
	X(REFERENCE_CLEAR, "b", 0, "DELETE FROM reference WHERE supplier = $1")                                        \
	X(REFERENCE_GET, "bb", 0, "SELECT 1 FROM reference WHERE supplier = $1 AND measurement = $2")                  \
	X(REFERENCE_PUT, "bbtb", 0,                                                                                    \
	  "INSERT INTO reference (supplier, measurement, version, log) VALUES ($1, $2, $3, $4)")                       \
	X(REFERENCES, "", 0, "SELECT supplier, measurement, log FROM reference")                                       \
	X(OPERATOR_PUT, "bttbb", 0,                                                                                    \
	  "INSERT INTO operator (number, id, role, name, sign, kem) "                                                  \
	  "SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5 FROM operator "                                     \
	  "ON CONFLICT (id) DO UPDATE SET role = excluded.role, name = excluded.name, sign = excluded.sign, "          \
	  "kem = excluded.kem")                                                                                        \
	X(OPERATOR_GET, "b", 0, "SELECT number, relay_number, relay_last, relay_reserved FROM operator WHERE id = $1") \
	X(OPERATORS, "ii", 0,                                                                                          \
	  "SELECT role, name, sign, kem, id, number FROM operator WHERE number > $1 ORDER BY number LIMIT $2")         \
	/* status */                                                                                                   \
	X(COUNT_STATES, "", 0, "SELECT state, count(*) FROM device GROUP BY state")                                    \
	X(COUNT_REST, "", 0,                                                                                           \
	  "SELECT (SELECT count(*) FROM command WHERE pending <> 0), "                                                 \
	  "(SELECT count(*) FROM relay r JOIN operator o ON o.number = r.operator WHERE r.seq > o.relay_last), "       \
	  "(SELECT count(*) FROM relay r JOIN operator o ON o.number = r.operator WHERE r.seq <= o.relay_last), "      \
	  "(SELECT count(*) FROM shipment), (SELECT count(*) FROM operator), (SELECT count(*) FROM reference)")        \
	X(COUNT_DEVICE, "b", 1,                                                                                        \
	  "SELECT (SELECT count(*) FROM command WHERE bucket = $2 AND eid = $1 AND pending <> 0), "                    \
	  "(SELECT count(*) FROM relay WHERE bucket = $2 AND eid = $1)")

/**
 * Statements that loads make for each of their records. They are gathered, and go out many rows at a time (gather.c):
 * X(name, types, bucket, shape, pick). pick: the numbers of the parameters, the bucket being the last, in the order of the
 * shape's columns. They go out in this order.
 */
#define SMR_PG_GATHERED_LIST(X)                                     \
	X(ROW_INSERT, "bbbi", 1, DEVICE_ADD, "5134")                \
	X(ICCID_PUT, "bib", 1, ICCID_PUT, "4123")                   \
	X(PACKAGE_INSERT, "bbbbii", 1, PACKAGE_PUT, "7123456")      \
	X(ROW_SET_PACKAGE, "bibiibi", 1, DEVICE_PACKAGE, "8123467") \
	X(COMMAND_END_OTHERS, "bb", 1, COMMAND_END_OTHERS, "312")

#endif
