/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file refusal.h
 * Why a boot was refused: each reason has its exit code, its name in the log and its words.
 */
#ifndef SMR_BOOT_REFUSAL_H
#define SMR_BOOT_REFUSAL_H

#include "sys/problem.h"

/* X(name, exit code, what to do next): the one list. docs/boot.md explains them. */
#define SMR_BOOT_REASONS(X)                                                                                         \
	X(CARD, 10, "put the supplier's card, as it was compared, into the protected start medium")                 \
	X(RELEASE_MISSING, 11, "install a release of the supplier")                                                 \
	X(RELEASE_UNSIGNED, 12, "install a release that «samara supplier release» wrote")                           \
	X(RELEASE_TRUNCATED, 13, "copy the release again, whole")                                                   \
	X(RELEASE_ALTERED, 14, "install the release as its supplier signed it, and find out who altered it")        \
	X(RELEASE_PRODUCT, 15, "install the release for this product")                                              \
	X(RELEASE_OLDER, 16, "install a release with at least that number; an older one never runs here again")     \
	X(RELEASE_STAGES, 17, "install the release for what is on this device, or the software of this release")    \
	X(CONFIG, 18, "correct the configuration")                                                                  \
	X(STAGE_MISSING, 19, "install the software of the release")                                                 \
	X(STAGE_NO_FILE, 20, "put the file itself there: links, devices and directories are not followed or read")  \
	X(STAGE_ALTERED, 21, "install the software of the release again, and find out who altered it")              \
	X(STAGE_SWAPPED, 22, "something wrote while it was read: nothing may run before the first stage")           \
	X(TPM, 23, "see what the TPM says")                                                                         \
	X(TPM_IN_USE, 24,                                                                                           \
	  "reset the whole device; if it says so after each reset, the boot loader or the firmware extends them: "  \
	  "docs/boot.md, «Hardware»")                                                                               \
	X(LOG, 25,                                                                                                  \
	  "name with [tre] boot-log a file of this purpose alone, in a directory that is there and can be written") \
	X(START, 26, "see what the system says")                                                                    \
	X(TRE, 27, "see that samara-tre runs with a TPM, and what its log says")                                    \
	X(TPM_PLATFORM, 28,                                                                                         \
	  "the platform's firmware has to leave it to samara-boot, enabled and with an empty value: docs/boot.md, " \
	  "«Hardware»; nothing is lost")                                                                            \
	X(STAGE_CUT, 29,                                                                                            \
	  "copy the software of the release again, whole; if no copy broke off, find out who altered it")           \
	X(RELEASE_KEY, 30, "install a release of this device's own supplier")

enum smr_boot_reason {
	SMR_BOOT_STARTED = 0,
#define SMR_BOOT_REASON_MEMBER(name, code, advice) SMR_BOOT_##name = (code),
	SMR_BOOT_REASONS(SMR_BOOT_REASON_MEMBER)
#undef SMR_BOOT_REASON_MEMBER
};

struct smr_boot_refusal {
	enum smr_boot_reason reason; /* also the exit code */
	struct smr_problem problem;  /* what is wrong, and what to do next */
};

/** Note a reason with its words, the advice behind them, and return @p err. */
enum smr_err smr_boot_refuse(struct smr_boot_refusal *refusal, enum smr_boot_reason reason, enum smr_err err,
			     const char *format, ...) __attribute__((format(printf, 4, 5)));
/** Name of a reason, for the log; static. */
const char *smr_boot_reason_name(enum smr_boot_reason reason);

#endif
