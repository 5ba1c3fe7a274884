/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file server_steps.h
 * What the tests of the server's steps share: one device and its scene, put back to the start by each test. Include after cmocka.h.
 */
#ifndef SMR_TESTS_UNIT_SERVER_STEPS_H
#define SMR_TESTS_UNIT_SERVER_STEPS_H

#include "tests/unit/server_rig.h"

static struct scene *scene;
static struct device device;

static int setup(void **state)
{
	return scene_setup(state);
}

static struct world *begin(void **state, unsigned content)
{
	scene = *state;
	scene->evidence.ctr = 7;
	scene->evidence.tamper = 0;
	scene->evidence.have = false;
	scene->evidence.failed = false;
	scene->evidence.fresh_kind = SMR_FRESH_NONE;
	memset(scene->evidence.measurement, 0x4d, sizeof(scene->evidence.measurement));
	memset(&device, 0, sizeof(device));
	return world_make(scene, content);
}

static void end(struct world *w)
{
	smr_flight_wipe(&device.flight);
	world_free(w);
}

/* The request is in the item: nothing may come back, and nothing stay. */
static void assert_silence(struct world *w)
{
	assert_false(world_drive(w));
	assert_int_equal(w->item.stage, SMR_STAGE_FREE);
	assert_false(w->committed);
	world_assert_wiped(w);
}

#endif
