/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sql.h
 * Every statement of the SQLite back end, in one list: X(name, text), with the names of store/sql.h.
 */
#ifndef SMR_STORE_SQLITE_SQL_H
#define SMR_STORE_SQLITE_SQL_H

#define SMR_SQLITE_LIST(X)                                                                                             \
	/* transactions */                                                                                             \
	X(BEGIN_READ, "BEGIN")                                                                                         \
	X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                              \
	X(COMMIT, "COMMIT")                                                                                            \
	X(ROLLBACK, "ROLLBACK")                                                                                        \
	/* meta */                                                                                                     \
	X(META_GET, "SELECT value FROM meta WHERE name = ?1")                                                          \
	X(META_SET, "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")      \
	X(META_BUMP, "UPDATE meta SET value = value + 1 WHERE name = 'sequence'")                                      \
	X(POSITION, "SELECT (SELECT value FROM meta WHERE name = 'sequence'), "                                        \
		    "(SELECT value FROM meta WHERE name = 'journal')")                                                 \
	X(JOURNAL_BUMP, "UPDATE meta SET value = value + 1 WHERE name = 'journal' RETURNING value")                    \
	X(JOURNAL_SKIP, "UPDATE meta SET value = value + ?1 WHERE name = 'journal'")                                   \
	X(JOURNAL_PUT, "INSERT INTO journal (slot, entry, eid) VALUES (?1, ?2, ?3) "                                   \
		       "ON CONFLICT (slot) DO UPDATE SET entry = ?2, eid = ?3")                                        \
	/* places of devices */                                                                                        \
	X(PREFIX_GET, "SELECT number FROM eid_prefix WHERE prefix = ?1")                                               \
	X(PREFIX_PUT, "INSERT INTO eid_prefix (prefix) VALUES (?1)")                                                   \
	/* the hot path */                                                                                             \
	X(LOOKUP, "SELECT d.revision, d.state, d.revoked, d.ctr, d.hash, d.lineage_ctr, d.iccid, d.serial, d.d, "      \
		  "coalesce(s.id, d.sealed_for), "                                                                     \
		  "o.id, d.package, d.has_x, d.evidence, d.operator, d.interval_s, d.tpm_state FROM device d "         \
		  "LEFT JOIN shipment s ON s.number = d.shipment "                                                     \
		  "LEFT JOIN operator o ON o.number = d.operator WHERE d.place = ?1")                                  \
	X(LOOKUP_PACKAGE, "SELECT x, w, \"order\" FROM package WHERE slot = ?1")                                       \
	X(LOOKUP_COMMANDS, "SELECT command, operator, iccid, serial FROM command WHERE eid = ?1 AND pending LIMIT ?2") \
	X(ROW_GET, "SELECT revision, state, revoked, operator, iccid, serial, package, has_x, evidence, shipment, d, " \
		   "sealed_for, lineage_ctr FROM device WHERE place = ?1")                                             \
	X(ROW_REVISION, "SELECT revision FROM device WHERE place = ?1")                                                \
	X(ROW_TOUCH, "UPDATE device SET revision = revision + 1 WHERE place = ?1")                                     \
	X(ROW_COMMIT, "UPDATE device SET revision = revision + 1, state = ?2, ctr = ?3, hash = ?4, lineage_ctr = ?5, " \
		      "evidence = ?6, has_x = ?7, tpm_state = ?8 WHERE place = ?1")                                    \
	X(ROW_INSERT, "INSERT INTO device (place, eid, revision, state, revoked, ctr, hash, lineage_ctr, has_x, d, "   \
		      "shipment) VALUES (?1, ?2, 1, 0, 0, 0, zeroblob(32), 0, 0, ?3, ?4)")                             \
	X(ROW_SET_KEY, "UPDATE device SET revision = revision + 1, d = ?2, shipment = ?3 WHERE place = ?1")            \
	X(ROW_REENROL,                                                                                                 \
	  "UPDATE device SET revision = revision + 1, d = ?2, shipment = ?3, ctr = 0, hash = zeroblob(32), "           \
	  "lineage_ctr = 0, tpm_state = NULL WHERE place = ?1")                                                        \
	X(ROW_SET_PACKAGE, "UPDATE device SET revision = revision + 1, state = 1, operator = ?2, iccid = ?3, "         \
			   "serial = ?4, package = ?5, has_x = 1, evidence = NULL, sealed_for = coalesce(?6, "         \
			   "sealed_for), interval_s = ?7 "                                                             \
			   "WHERE place = ?1")                                                                         \
	X(ROW_SET_RESEAL, "UPDATE device SET revision = revision + 1, state = 4, has_x = 0 WHERE place = ?1")          \
	X(ROW_SET_REVOKED,                                                                                             \
	  "UPDATE device SET revision = revision + 1, revoked = ?2 WHERE place = ?1 AND revoked <> ?2")                \
	X(ROW_ICCID_TAKEN, "SELECT 1 FROM device WHERE iccid = ?1 AND operator = ?2 AND eid <> ?3 "                    \
			   "AND state IN (1, 2, 3)")                                                                   \
	X(REENROLMENT_GET, "SELECT r.shipment, r.d, s.id, s.file_number FROM reenrolment r "                           \
			   "JOIN shipment s ON s.number = r.shipment WHERE r.eid = ?1")                                \
	X(REENROLMENT_PUT, "INSERT INTO reenrolment (eid, shipment, d) VALUES (?1, ?2, ?3) "                           \
			   "ON CONFLICT (eid) DO UPDATE SET shipment = ?2, d = ?3")                                    \
	X(REENROLMENT_DELETE, "DELETE FROM reenrolment WHERE eid = ?1")                                                \
	X(EVIDENCE_PUT, "INSERT INTO evidence (seq, evidence, e, q) VALUES (?1, ?2, ?3, ?4) "                          \
			"ON CONFLICT (seq) DO UPDATE SET evidence = ?2, e = ?3, q = ?4")                               \
	X(EVIDENCE_DELETE, "DELETE FROM evidence WHERE seq = ?2")                                                      \
	/* packages */                                                                                                 \
	X(PACKAGE_INSERT, "INSERT INTO package (x, w, \"order\") VALUES (?1, ?2, ?3)")                                 \
	X(PACKAGE_SIZES, "SELECT length(x), length(\"order\") FROM package WHERE slot = ?1")                           \
	X(PACKAGE_OVERWRITE, "UPDATE package SET x = ?2, w = ?3, \"order\" = ?4 WHERE slot = ?1")                      \
	X(PACKAGE_PURGE, "UPDATE package SET x = zeroblob(length(x)) WHERE slot = ?1")                                 \
	/* commands */                                                                                                 \
	X(COMMAND_GET, "SELECT operator, serial, pending FROM command WHERE eid = ?1 AND iccid = ?2")                  \
	X(COMMAND_PUT, "INSERT INTO command (eid, iccid, operator, serial, pending, command) "                         \
		       "VALUES (?1, ?2, ?3, ?4, 1, ?5) ON CONFLICT (eid, iccid) DO UPDATE "                            \
		       "SET operator = ?3, serial = ?4, pending = 1, command = ?5, result = NULL")                     \
	X(COMMAND_DONE, "UPDATE command SET pending = 0, result = ?3 WHERE eid = ?1 AND iccid = ?2")                   \
	X(COMMAND_AGAIN, "UPDATE command SET pending = 1, result = NULL WHERE eid = ?1 AND iccid = ?2 "                \
			 "AND operator = ?3 AND serial = ?4 AND NOT pending AND command IS NOT NULL")                  \
	X(COMMAND_END_OTHERS, "UPDATE command SET pending = 0, command = NULL "                                        \
			      "WHERE eid = ?1 AND iccid <> ?2 AND pending")                                            \
	X(COMMAND_PENDING, "SELECT eid FROM command WHERE pending UNION "                                              \
			   "SELECT eid FROM device WHERE revoked OR (state = 1 AND lineage_ctr <> 0)")                 \
	/* The same condition, for the devices that changed. */                                                        \
	X(PENDING_SINCE, "SELECT j.eid, EXISTS (SELECT 1 FROM command c WHERE c.eid = j.eid AND c.pending) OR "        \
			 "EXISTS (SELECT 1 FROM device d WHERE d.eid = j.eid AND "                                     \
			 "(d.revoked OR (d.state = 1 AND d.lineage_ctr <> 0))) FROM journal j WHERE j.entry > ?1")     \
	/* relay */                                                                                                    \
	X(RELAY_PUT, "INSERT INTO relay (operator, eid, iccid, serial, kind, result, mac, evidence, e, q) "            \
		     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT evidence FROM evidence WHERE seq = ?8), "            \
		     "(SELECT e FROM evidence WHERE seq = ?8), (SELECT q FROM evidence WHERE seq = ?8))")              \
	X(RELAY_NTH, "SELECT seq FROM relay WHERE operator = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")                   \
	X(RELAY_RANGE, "SELECT seq, eid, iccid, serial, kind, result, mac, evidence, e, q FROM relay "                 \
		       "WHERE operator = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq")                                  \
	X(RELAY_DELETE, "DELETE FROM relay WHERE seq = ?3")                                                            \
	X(RELAY_RESERVE, "UPDATE operator SET relay_reserved = ?2 WHERE number = ?1")                                  \
	X(RELAY_SPOOLED,                                                                                               \
	  "UPDATE operator SET relay_number = ?2, relay_last = ?3, relay_reserved = 0 WHERE number = ?1")              \
	X(RELAY_FILE_PUT, "INSERT INTO relay_file (operator, number, after, last) VALUES (?1, ?2, ?3, ?4)")            \
	X(RELAY_FILE_GET, "SELECT after, last FROM relay_file WHERE operator = ?1 AND number = ?2")                    \
	X(RELAY_FILE_LIST,                                                                                             \
	  "SELECT number FROM relay_file WHERE operator = ?1 AND number > ?2 ORDER BY number LIMIT ?3")                \
	X(RELAY_FILE_END, "DELETE FROM relay_file WHERE operator = ?1 AND number = ?2")                                \
	/* keys */                                                                                                     \
	X(FLIGHT_KEYS,                                                                                                 \
	  "SELECT number, kind, q, not_before, not_after, scalar, encoded FROM flight_key ORDER BY number")            \
	X(FLIGHT_KEY_PUT, "INSERT INTO flight_key (number, kind, q, not_before, not_after, scalar, encoded) "          \
			  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                                       \
	X(FLIGHT_KEY_GET, "SELECT 1 FROM flight_key WHERE number = ?1")                                                \
	X(FLIGHT_KEY_CLEAR, "DELETE FROM flight_key")                                                                  \
	X(TICKET_CLASSES, "SELECT number, up_to_s, epoch_s, lifetime, retired FROM ticket_class ORDER BY number")      \
	X(TICKET_CLASS_RETIRE, "UPDATE ticket_class SET retired = 1 WHERE up_to_s = ?1")                               \
	X(TICKET_CLASS_PUT, "INSERT INTO ticket_class (number, up_to_s, epoch_s, lifetime, retired) "                  \
			    "VALUES (?1, ?2, ?3, ?4, 0)")                                                              \
	X(TICKET_CLASS_END, "DELETE FROM ticket_class WHERE number = ?1")                                              \
	X(TICKET_KEYS, "SELECT id, key FROM ticket_key ORDER BY id")                                                   \
	X(TICKET_KEY_PUT, "INSERT INTO ticket_key (id, key) VALUES (?1, ?2)")                                          \
	X(TICKET_KEY_CLEAR, "DELETE FROM ticket_key")                                                                  \
	/* what is loaded */                                                                                           \
	X(LOADED_GET, "SELECT 1 FROM loaded WHERE sender = ?1 AND type = ?2 AND number = ?3")                          \
	X(LOADED_ALL, "SELECT number FROM loaded WHERE sender = ?1 AND type = ?2")                                     \
	X(LOADED_PUT, "INSERT INTO loaded (sender, type, number) VALUES (?1, ?2, ?3)")                                 \
	X(PARTY_PUT, "INSERT INTO party (role, sign, name, kem) VALUES (?1, ?2, ?3, ?4) "                              \
		     "ON CONFLICT (role, sign) DO UPDATE SET name = ?3, kem = ?4")                                     \
	X(PARTY_GET, "SELECT role, name, sign, kem FROM party WHERE role = ?1 AND sign = ?2")                          \
	X(PARTIES, "SELECT role, name, sign, kem FROM party ORDER BY role, name, sign")                                \
	X(SHIPMENT_PUT, "INSERT INTO shipment (id, supplier, owner, gate, file_number, platform) "                     \
			"VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                                             \
	X(SHIPMENT_BY_NUMBER, "SELECT id, supplier, file_number FROM shipment WHERE number = ?1")                      \
	X(SHIPMENT_GET, "SELECT number, supplier, owner, gate, platform FROM shipment WHERE id = ?1")                  \
	X(SHIPMENTS, "SELECT id, supplier, owner, gate, platform FROM shipment ORDER BY number")                       \
	X(REFERENCE_CLEAR, "DELETE FROM reference WHERE supplier = ?1")                                                \
	X(REFERENCE_GET, "SELECT 1 FROM reference WHERE supplier = ?1 AND measurement = ?2")                           \
	X(REFERENCE_PUT, "INSERT INTO reference (supplier, measurement, version, log) VALUES (?1, ?2, ?3, ?4)")        \
	X(REFERENCES, "SELECT supplier, measurement, log FROM reference")                                              \
	X(OPERATOR_PUT, "INSERT INTO operator (id, role, name, sign, kem) VALUES (?1, ?2, ?3, ?4, ?5) "                \
			"ON CONFLICT (id) DO UPDATE SET role = ?2, name = ?3, sign = ?4, kem = ?5")                    \
	X(OPERATOR_GET, "SELECT number, relay_number, relay_last, relay_reserved FROM operator WHERE id = ?1")         \
	X(OPERATORS,                                                                                                   \
	  "SELECT role, name, sign, kem, id, number FROM operator WHERE number > ?1 ORDER BY number LIMIT ?2")         \
	/* status */                                                                                                   \
	X(COUNT_STATES, "SELECT state, count(*) FROM device GROUP BY state")                                           \
	X(COUNT_REST, "SELECT (SELECT count(*) FROM command WHERE pending), "                                          \
		      "(SELECT count(*) FROM relay r JOIN operator o ON o.number = r.operator "                        \
		      "WHERE r.seq > o.relay_last), "                                                                  \
		      "(SELECT count(*) FROM relay r JOIN operator o ON o.number = r.operator "                        \
		      "WHERE r.seq <= o.relay_last), "                                                                 \
		      "(SELECT count(*) FROM shipment), (SELECT count(*) FROM operator), "                             \
		      "(SELECT count(*) FROM reference)")                                                              \
	X(COUNT_DEVICE, "SELECT (SELECT count(*) FROM command WHERE eid = ?1 AND pending), "                           \
			"(SELECT count(*) FROM relay WHERE eid = ?1)")

#endif
