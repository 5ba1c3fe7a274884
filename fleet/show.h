/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file show.h
 * What live devices hold, as their TREs tell it: to be compared with what the store says of them.
 */
#ifndef SMR_FLEET_SHOW_H
#define SMR_FLEET_SHOW_H

#include "fleet/roster.h"

/**
 * A line for each device from @p first on, @p count at most, on standard output.
 * @param json  a JSON object a line; otherwise words for a person.
 * @return SMR_E_INVALID: there is no device @p first; errors of a TRE that cannot start, with the device's number in @p problem.
 */
enum smr_err smr_show(struct smr_roster *roster, uint64_t first, uint64_t count, bool json,
		      struct smr_problem *problem) SMR_MUST_USE;

#endif
