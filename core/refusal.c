/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flight.h"

const char *smr_refusal_text(enum smr_refusal reason)
{
	switch (reason) {
#define SMR_REFUSAL_CASE(name, value, text) \
	case SMR_REFUSAL_##name:            \
		return text;
		SMR_REFUSAL_LIST(SMR_REFUSAL_CASE)
#undef SMR_REFUSAL_CASE
	}
	return "refused for a reason that this version does not know: update the device";
}

const char *smr_refusal_name(enum smr_refusal reason)
{
	switch (reason) {
#define SMR_REFUSAL_CASE(name, value, text) \
	case SMR_REFUSAL_##name:            \
		return #name;
		SMR_REFUSAL_LIST(SMR_REFUSAL_CASE)
#undef SMR_REFUSAL_CASE
	}
	return "UNKNOWN";
}
