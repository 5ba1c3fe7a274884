/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

const char *smr_err_text(enum smr_err err)
{
	switch (err) {
#define SMR_ERR_CASE(name, value, text) \
	case SMR_E_##name:              \
		return text;
		SMR_ERR_LIST(SMR_ERR_CASE)
#undef SMR_ERR_CASE
	}
	return "unknown error";
}

const char *smr_err_name(enum smr_err err)
{
	switch (err) {
#define SMR_ERR_CASE(name, value, text) \
	case SMR_E_##name:              \
		return #name;
		SMR_ERR_LIST(SMR_ERR_CASE)
#undef SMR_ERR_CASE
	}
	return "UNKNOWN";
}
