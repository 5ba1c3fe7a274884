/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the seeds' writer share. */
#ifndef SMR_FUZZ_SEEDS_H
#define SMR_FUZZ_SEEDS_H

#include "base/base.h"

void seed_save(const char *target, const char *name, struct smr_bytes octets);
/** With the octet that chooses in front. */
void seed_choice(const char *target, const char *name, uint8_t choice, struct smr_bytes octets);
void seed_text(const char *target, const char *name, const char *text);

/** seeds_local.c: what programs keep for themselves, and what comes from outside of Samara. */
void seeds_local(void);

#endif
