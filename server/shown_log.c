/* SPDX-License-Identifier: Apache-2.0 */
#include "server/shown_log.h"

#include "server/tell.h"
#include "sys/log.h"
#include "sys/text.h"

static struct smr_boot_log read_log(const struct smr_m1 *m1)
{
	struct smr_reader r = smr_reader_init(m1->boot_log);
	struct smr_boot_log log;

	smr_get_shown_log(&r, &log); /* its form was looked at when M1 was opened */
	return log;
}

bool smr_shown_log_replays(const struct smr_m1 *m1)
{
	const struct smr_boot_log log = read_log(m1);
	uint8_t digest[SMR_HASH_LEN];
	uint32_t pcrs = 0;

	return smr_tpm_log_replay(log.events, log.count, &pcrs, digest) == SMR_OK &&
	       pcrs == m1->attested.attestation.quote.pcrs &&
	       memcmp(digest, m1->evidence.measurement, sizeof(digest)) == 0;
}

static void tell_event(const char *eid, const struct smr_tpm_event *event)
{
	char digest[SMR_HEX_TEXT(SMR_HASH_LEN)];
	char name[SMR_BOOT_NAME_MAX + 1] = "";

	smr_hex_encode(SMR_ARRAY(event->digest), digest);
	if (event->name.len > 0)
		memcpy(name, event->name.ptr, event->name.len);
	smr_log(SMR_LOG_WARN, "boot-log.unknown", "eid=%s pcr=%u name=%s digest=%s hint=%s", eid, event->pcr,
		SMR_QUOTED(name), digest,
		SMR_QUOTED("this is on no list that was loaded from its supplier: load the newest, or have the device "
			   "repaired"));
}

void smr_shown_log_tell(const struct smr_m1 *m1, const struct smr_keyring *ring,
			const uint8_t supplier[SMR_POINT_COMPRESSED_LEN])
{
	const struct smr_boot_log log = read_log(m1);
	char eid[SMR_EID_TEXT];

	if (!smr_may_tell())
		return;
	smr_eid_text(&m1->evidence.eid, eid);
	for (size_t i = 0; i < log.count; i++) {
		if (!smr_keyring_knows_event(ring, supplier, &log.events[i])) {
			tell_event(eid, &log.events[i]);
			return;
		}
	}
	smr_log(SMR_LOG_WARN, "boot-log.combination", "eid=%s hint=%s", eid,
		SMR_QUOTED(
			"each part is on its supplier's list, all of them together are not: one of the device's files "
			"is of another release"));
}
