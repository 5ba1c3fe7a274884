/* SPDX-License-Identifier: Apache-2.0 */
/* A store in PostgreSQL with packages in it, for the tests of what only that back end has. */
#ifndef SMR_TESTS_PG_RIG_H
#define SMR_TESTS_PG_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libpq-fe.h>
#include <stdlib.h>

#include "store/pg/local.h"
#include "store_rig.h"

#define DEVICES 20u

/* ---- steps ---- */

static inline struct smr_store_rotation take_step(struct smr_store *store, bool now)
{
	struct smr_store_rotation rotation;

	if (smr_store_rotate_packages(store, now, &rotation) != SMR_OK)
		fail_msg("%s", smr_store_problem(store));
	assert_in_range(rotation.part, 0, SMR_STORE_ROTATION_PARTS);
	return rotation;
}

/* What is under way, to its end. */
static inline void settle(struct smr_store *store)
{
	while (!take_step(store, false).done)
		;
}

/* The next epoch, to its end. */
static inline void rotate(struct smr_store *store)
{
	settle(store);
	for (bool now = true; !take_step(store, now).done; now = false)
		;
}

static inline int setup_with(void **state, uint64_t count)
{
	struct rig *rig;

	rig_setup(state);
	rig = *state;
	rig_fill(rig, 1, count);
	settle(rig->store);
	return 0;
}

static inline int setup_filled(void **state)
{
	return setup_with(state, DEVICES);
}

/* Somebody else's session in the same schema. */
static inline PGconn *session(const struct rig *rig)
{
	PGconn *conn = PQconnectdb(rig->path);

	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	return conn;
}

static inline uint64_t run(PGconn *conn, const char *script)
{
	PGresult *result = PQexec(conn, script);
	uint64_t value = 0;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
		value = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	else if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s", PQerrorMessage(conn));
	PQclear(result);
	return value;
}

static inline uint64_t ask(const struct rig *rig, const char *question)
{
	PGconn *conn = session(rig);
	uint64_t value = run(conn, question);

	PQfinish(conn);
	return value;
}

static inline void assert_has_x(struct smr_store *store, uint64_t n, uint64_t serial)
{
	struct smr_store_device device = rig_get(store, n);
	uint8_t x[RIG_X_LEN];

	rig_x(n, serial, x, sizeof(x));
	assert_false(device.x_lost);
	assert_int_equal(device.x_len, sizeof(x));
	assert_memory_equal(device.x, x, sizeof(x));
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, rig_teardown)

#endif
