/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tell.h"

#include <stdatomic.h>

#include "core/flight.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/text.h"

bool smr_may_tell(void)
{
	static atomic_ullong second_and_lines; /* second · 2^8 + lines in it */
	unsigned long long second = smr_clock_ms() / 1000;
	unsigned long long seen = atomic_load(&second_and_lines);
	unsigned long long next;

	do {
		next = seen >> 8 == second ? seen + 1 : second << 8 | 1;
		if ((next & 0xff) > SMR_TELLS_PER_S)
			return false;
	} while (!atomic_compare_exchange_weak(&second_and_lines, &seen, next));
	return true;
}

void smr_tell_tamper(const struct smr_eid *eid, uint32_t events)
{
	char text[SMR_EID_TEXT];

	events &= ~SMR_TAMPER_TPM_STATE;
	if (events == 0 || !smr_may_tell())
		return;
	smr_eid_text(eid, text);
	smr_log(SMR_LOG_WARN, "device.tampered", "eid=%s events=0x%x hint=%s", text, events,
		SMR_QUOTED(
			"it says so itself and holds no subscription any more: have the operator suspend what it held, "
			"and the device looked at"));
}
