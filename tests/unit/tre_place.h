/* SPDX-License-Identifier: Apache-2.0 */
/* A TRE's directory in the test's scratch directory, and the port over it. */
#ifndef SMR_TEST_TRE_PLACE_H
#define SMR_TEST_TRE_PLACE_H

#include "sys/fsio.h"
#include "tests/unit/scratch.h"
#include "tre/linux/port.h"

static const uint8_t measurement[SMR_HASH_LEN] = {0x4d};

struct place {
	char dir[16]; /* in the test's scratch directory */
	struct smr_tre_linux linux_port;
	struct smr_tre_port port;
};

static inline void make_place(struct place *p)
{
	static unsigned number;

	(void)snprintf(p->dir, sizeof(p->dir), "tre-%u", number++ % 100000);
}

static inline enum smr_err try_open(struct place *p)
{
	struct smr_problem problem = {{0}};
	enum smr_err err = smr_tre_linux_open(&p->linux_port, p->dir, measurement, &problem);

	/* An error always comes with words. */
	assert_true(err == SMR_OK || problem.text[0] != '\0');
	p->port = smr_tre_linux_port(&p->linux_port);
	return err;
}

static inline void open_place(struct place *p)
{
	assert_int_equal(try_open(p), SMR_OK);
}

static inline void close_place(struct place *p)
{
	smr_tre_linux_close(&p->linux_port);
}

static inline char *in_place(struct place *p, const char *name)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return path;
}

static inline int setup(void **state)
{
	static struct place place;

	make_place(&place);
	*state = &place;
	return scratch_enter(NULL);
}

static inline int teardown(void **state)
{
	return scratch_leave(state);
}

static inline uint64_t counter_of(struct place *p)
{
	uint64_t value = 0;

	assert_int_equal(p->port.counter_read(p->port.context, &value), SMR_OK);
	return value;
}

static inline enum smr_err advance(struct place *p, uint64_t to)
{
	return p->port.counter_advance(p->port.context, to);
}

static inline enum smr_err store(struct place *p, const char *record)
{
	return p->port.store(p->port.context, smr_bytes_of(record, strlen(record)));
}

static inline void assert_record(struct place *p, const char *expected)
{
	uint8_t room[64];
	struct smr_space record = {room, sizeof(room)};

	assert_int_equal(p->port.load(p->port.context, &record), SMR_OK);
	assert_int_equal(record.len, strlen(expected));
	assert_memory_equal(room, expected, record.len);
}

static inline bool record_is(struct place *p, const char *expected)
{
	uint8_t room[64];
	struct smr_space record = {room, sizeof(room)};

	return p->port.load(p->port.context, &record) == SMR_OK &&
	       smr_bytes_equal(smr_bytes_of(room, record.len), smr_bytes_of(expected, strlen(expected)));
}

static inline mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static inline void write_file(const char *path, const void *octets, size_t len, mode_t mode)
{
	assert_int_equal(smr_fs_write(path, smr_bytes_of(octets, len), mode), SMR_OK);
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
