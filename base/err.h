/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file err.h
 * One error type for the whole of Samara: 0 is success and the high byte is the class, so that a caller can treat
 * «the peer sent nonsense» and «our disk is full» differently without knowing each code.
 */
#ifndef SMR_ERR_H
#define SMR_ERR_H

/** Class of an error: whose fault it is, and so what to do about it. */
enum smr_err_class {
	SMR_CLASS_OK = 0,
	SMR_CLASS_PEER = 1,  /* the bytes we were given are wrong: drop or report, never retry as they are */
	SMR_CLASS_LIMIT = 2, /* our own means ended: memory, disk, room, a library that failed */
	SMR_CLASS_TRUST = 3, /* well-formed, but a rule of trust forbids it */
	SMR_CLASS_LATER = 4, /* the same request may succeed later */
	SMR_CLASS_CALLER = 5 /* a bug of the calling code */
};

/* X(name, value, text): the one list of errors. Texts finish the sentence «failed: …». */
#define SMR_ERR_LIST(X)                                                                       \
	X(OK, 0x0000, "success")                                                              \
	X(MALFORMED, 0x0101, "the data is malformed")                                         \
	X(UNSUPPORTED, 0x0102, "the version, suite or algorithm is not supported")            \
	X(UNOPENED, 0x0103, "the data does not decrypt under our keys")                       \
	X(BAD_POINT, 0x0104, "the public key is not a valid point of the curve")              \
	X(CHECK_DIGIT, 0x0105, "the check digit is wrong")                                    \
	X(DUPLICATE, 0x0106, "the identity occurs twice")                                     \
	X(TRUNCATED, 0x0107, "the data ends too early")                                       \
	X(NO_ROOM, 0x0201, "the buffer is too small")                                         \
	X(NO_MEMORY, 0x0202, "out of memory")                                                 \
	X(IO, 0x0203, "reading or writing failed")                                            \
	X(DISK_FULL, 0x0204, "the disk is full or read-only")                                 \
	X(CRYPTO, 0x0205, "the cryptographic library failed")                                 \
	X(TOO_MANY, 0x0206, "a limit on their number is reached")                             \
	X(NOT_FOUND, 0x0207, "it does not exist")                                             \
	X(EXISTS, 0x0208, "it exists already")                                                \
	X(TPM_FULL, 0x0209, "the TPM has no non-volatile memory left")                        \
	X(TPM_FAILED, 0x020a, "the TPM has failed its own test, and does nothing more")       \
	X(TPM_BANK, 0x020b, "the TPM has not all its registers (PCRs) in SHA-256")            \
	X(NO_FILE, 0x020c, "it is no regular file")                                           \
	X(SIGNATURE, 0x0301, "the signature is not valid")                                    \
	X(MAC, 0x0302, "the message authentication code is not valid")                        \
	X(NOT_ADDRESSEE, 0x0303, "it is meant for somebody else")                             \
	X(OPERATOR, 0x0304, "the operator is not one that this device may be provisioned by") \
	X(ORDER, 0x0305, "the owner's order is missing or does not cover this")               \
	X(SERIAL, 0x0306, "its serial is not newer than what was seen before")                \
	X(ROLLBACK, 0x0307, "the stored state is older than the monotonic counter")           \
	X(MEASUREMENT, 0x0308, "the measured software is not approved")                       \
	X(REPLAY, 0x0309, "it was used before")                                               \
	X(STATE, 0x030a, "the present state does not permit it")                              \
	X(EXPIRED, 0x030b, "it has expired")                                                  \
	X(SQN, 0x030c, "the sequence number is out of range (resynchronise)")                 \
	X(COUNTER, 0x030d, "the counter is not acceptable")                                   \
	X(LINEAGE, 0x030e, "the lineage is not the current one")                              \
	X(TAMPERED, 0x030f, "it was altered")                                                 \
	X(REFUSED, 0x0310, "the peer refused, and said so under the session's keys")          \
	X(UNTRUSTED_KEY, 0x0311, "the key is not signed by a party we trust")                 \
	X(TPM_CLEARED, 0x0312, "the TPM was cleared or is another one")                       \
	X(TPM_RESET, 0x0313, "the TPM was reset while it was in use")                         \
	X(TPM_INDEX, 0x0314, "somebody else's index is in the TPM in the place of ours")      \
	X(BUSY, 0x0401, "busy, try again")                                                    \
	X(UNAVAILABLE, 0x0402, "not reachable at present")                                    \
	X(UNKNOWN_KEY, 0x0403, "the key named is unknown or no longer in use")                \
	X(NOTHING, 0x0404, "there is nothing to do")                                          \
	X(TPM_ABSENT, 0x0405, "the TPM does not answer")                                      \
	X(TPM_LOCKED, 0x0406, "the TPM is locked out after wrong authorisations")             \
	X(TPM_HIERARCHY, 0x0407, "a hierarchy of the TPM is closed to this device")           \
	X(INVALID, 0x0501, "invalid argument")

enum smr_err {
#define SMR_ERR_MEMBER(name, value, text) SMR_E_##name = (value),
	SMR_ERR_LIST(SMR_ERR_MEMBER)
#undef SMR_ERR_MEMBER
};
#define SMR_OK SMR_E_OK

static inline enum smr_err_class smr_err_class(enum smr_err err)
{
	return (enum smr_err_class)((unsigned)err >> 8);
}

/** Text of an error, static, never NULL. */
const char *smr_err_text(enum smr_err err);

/** Name of an error without its prefix («UNOPENED»), static, never NULL: for logs and --json. */
const char *smr_err_name(enum smr_err err);

/** Return from the enclosing function when an expression yields an error. */
#define SMR_TRY(expression)                              \
	do {                                             \
		enum smr_err smr_try_err = (expression); \
		if (smr_try_err != SMR_OK)               \
			return smr_try_err;              \
	} while (0)

#endif
