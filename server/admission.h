/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file admission.h
 * Who is served when not everybody can be (design section 3, «Under attack»; docs/decisions/0013-admission.md). One of these per worker, of fixed size.
 *
 * Check-ins and the receipts in them cost microseconds and are never turned away. Of first contacts, which cost a hundred times as much, the first
 * to be served are repetitions of what was answered already, then devices with a gate MAC, then whoever has proved its address; each kind
 * until the queue in front of the worker has a certain age. All others get an Echo, or are told when to come back. Nothing here costs
 * a public-key operation.
 */
#ifndef SMR_SERVER_ADMISSION_H
#define SMR_SERVER_ADMISSION_H

#include "server/config.h"
#include "server/item.h"

struct smr_admission;

enum smr_err smr_admission_new(const struct smr_server_config *config, struct smr_metrics *metrics,
			       struct smr_admission **out) SMR_MUST_USE;
void smr_admission_free(struct smr_admission *admission);

/** After datagrams were received from @p fd: how long did the last one wait in its buffer? */
void smr_admission_observe(struct smr_admission *admission, int fd);
/** The same, when the answer is known. @param now_us  monotonic. */
void smr_admission_note(struct smr_admission *admission, uint64_t now_us, uint64_t age_us);

/** Is there more than can be done at once? Where it is, a batch takes in more until there is enough in it that is worth a commit. */
bool smr_admission_is_loaded(const struct smr_admission *admission);

/**
 * Is this first contact to be opened?
 * @param m1, mac    parts of its payload; @p mac empty: there is none.
 * @return false: it is answered, or dropped; nothing more is to be done for it.
 */
bool smr_admission_admit(struct smr_admission *admission, struct smr_item *item, const struct smr_steps *steps,
			 struct smr_bytes m1, struct smr_bytes mac);
/** A first contact has its answer, which stands in item->out. @param shipment  the device's; one that does not exist: unknown. */
void smr_admission_answered(struct smr_admission *admission, const struct smr_item *item, const struct smr_steps *steps,
			    const struct smr_shipment_id *shipment);

/* The rule itself, for tests. */

enum smr_proof { SMR_PROOF_NONE, SMR_PROOF_ECHO, SMR_PROOF_GATE };
enum smr_admit { SMR_ADMIT, SMR_ADMIT_CHALLENGE, SMR_ADMIT_LATER };

/** @param age_us  of the queue. @param within  its address prefix is within its budget. */
enum smr_admit smr_admission_decide(const struct smr_server_config *config, bool loaded, uint64_t age_us,
				    enum smr_proof proof, bool within);

#endif
