/* SPDX-License-Identifier: Apache-2.0 */
/* An approved update: the state that the next release boots to is to open what is stored, too. */
#include "core/release.h"
#include "tre/state.h"

/** What a release says, once it is known to be the supplier's. The product is a view into its encoding. */
struct approved {
	struct smr_bytes product;
	uint32_t number;
	uint32_t pcrs;
	uint8_t digest[SMR_HASH_LEN]; /* that a device which booted it measures */
};

static enum smr_err open_release(struct smr_bytes encoded, const struct smr_pubkey *supplier, struct approved *out)
{
	struct smr_release release;

	SMR_TRY(smr_release_open(encoded, supplier, &release));
	out->product = release.product;
	out->number = release.number;
	return smr_tpm_log_replay(release.log.events, release.log.count, &out->pcrs, out->digest);
}

/**
 * The supplier is who signed this device's certificate: no other key of it is kept. The other keys under which that one signature verifies
 * (at most three, in this one group with its one generator) have private halves that nobody can know who does not know the supplier's.
 */
static enum smr_err check_supplier(const struct smr_tre *tre, const struct smr_pubkey *supplier)
{
	struct smr_certificate certificate;

	return smr_certificate_open(smr_bytes_of(tre->now.certificate, tre->now.certificate_len), supplier,
				    &certificate);
}

static enum smr_err open_releases(const struct smr_tre *tre, const struct smr_tre_update *update,
				  struct approved *running, struct approved *next)
{
	struct smr_pubkey supplier = {0};
	enum smr_err err = smr_pubkey_import(&supplier, SMR_ARRAY(update->supplier));

	if (err == SMR_OK)
		err = check_supplier(tre, &supplier);
	if (err == SMR_OK)
		err = open_release(update->running, &supplier, running);
	if (err == SMR_OK)
		err = open_release(update->next, &supplier, next);
	smr_pubkey_wipe(&supplier);
	return err;
}

enum smr_err smr_tre_prepare(struct smr_tre *tre, const struct smr_tre_update *update)
{
	struct approved running;
	struct approved next;

	SMR_TRY(smr_tre_ready_enrolled(tre));
	if (tre->port->prepare == NULL)
		return SMR_E_UNSUPPORTED;
	SMR_TRY(open_releases(tre, update, &running, &next));
	if (memcmp(running.digest, tre->measurement, sizeof(running.digest)) != 0)
		return SMR_E_MEASUREMENT;
	if (!smr_bytes_equal(next.product, running.product))
		return SMR_E_NOT_ADDRESSEE;
	if (next.number < running.number)
		return SMR_E_SERIAL;
	return tre->port->prepare(tre->port->context, next.number, next.pcrs, next.digest);
}
