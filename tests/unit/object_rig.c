/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/hex.h"
#include "tests/unit/object_rig.h"

static void fill(struct object_rig *f)
{
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
	struct smr_eid eid;

	hex(POINT, point, sizeof(point));
	assert_int_equal(smr_eid_parse(SMR_TEXT(EID), &eid), SMR_OK);
	f->certificate = (struct smr_certificate){.eid = eid, .shipment = {"SHIPMENT"}};
	memcpy(f->certificate.d, point, sizeof(point));
	memcpy(f->certificate.t, point, sizeof(point));
	f->flight_key = (struct smr_flight_key){
		.kind = SMR_FLIGHT_KEY_EPOCH,
		.number = 0xc0ffee01u,
		.not_before = 1767225600u,
		.not_after = UINT64_C(1) << 33,
	};
	memcpy(f->flight_key.q, point, sizeof(point));
	f->order = (struct smr_order){.serial = 300, .eid = eid};
	memcpy(f->order.operator_key, point, sizeof(point));
	f->shipment_order = (struct smr_order){.serial = 300, .whole_shipment = true, .shipment = {"SHIPMENT"}};
	memcpy(f->shipment_order.operator_key, point, sizeof(point));
	f->command = (struct smr_command){
		.operator_id = {"operator"},
		.eid = eid,
		.serial = 70000,
		.state = SMR_MCIM_SUSPENDED,
	};
	hex(ICCID, f->command.iccid.octets, sizeof(f->command.iccid.octets));
	f->release = (struct smr_release){
		.product = SMR_TEXT("m2me-1"),
		.number = 7,
		.version = SMR_TEXT("1.4.2"),
		.log = {4,
			{{8, {0}, SMR_TEXT("launch")},
			 {8, {0}, SMR_TEXT("tre")},
			 {8, {0}, SMR_TEXT("agent")},
			 {9, {0}, SMR_TEXT("config")}}},
		.has_lengths = true,
		.lengths = {23, 26, 70000, UINT32_MAX},
	};
	for (size_t i = 0; i < f->release.log.count; i++)
		memset(f->release.log.events[i].digest, (int)i + 1, SMR_HASH_LEN);
}

int object_set_up(void **state)
{
	static struct object_rig f;
	struct smr_privkey other = {0};
	uint8_t scalar[SMR_SCALAR_LEN];

	memset(scalar, 0x11, sizeof(scalar));
	assert_int_equal(smr_privkey_import(&f.own, scalar), SMR_OK);
	assert_int_equal(smr_privkey_generate(&other), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.pub, SMR_ARRAY(f.own.point)), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.other, SMR_ARRAY(other.point)), SMR_OK);
	smr_privkey_wipe(&other);
	fill(&f);
	*state = &f;
	return 0;
}

int object_tear_down(void **state)
{
	struct object_rig *f = *state;

	smr_privkey_wipe(&f->own);
	smr_pubkey_wipe(&f->pub);
	smr_pubkey_wipe(&f->other);
	return 0;
}
