/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/prepare.h"

#include "tre/client.h"

static enum smr_err refuse(enum smr_err err, const struct smr_release *running, const struct smr_release *next,
			   struct smr_boot_refusal *refusal)
{
	switch (err) {
	case SMR_E_SIGNATURE:
		return smr_boot_refuse(refusal, SMR_BOOT_CARD, err,
				       "the TRE was enrolled by another supplier than the card's");
	case SMR_E_MEASUREMENT:
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_STAGES, err,
				       "release %u is not what runs now: give that one with --release",
				       running->number);
	case SMR_E_NOT_ADDRESSEE:
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_PRODUCT, err,
				       "the release to come is for %.*s, and this is %.*s", (int)next->product.len,
				       (const char *)next->product.ptr, (int)running->product.len,
				       (const char *)running->product.ptr);
	case SMR_E_SERIAL:
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_OLDER, err,
				       "the release to come has number %u, which does not boot here any more",
				       next->number);
	default:
		return smr_boot_refuse(refusal, SMR_BOOT_TRE, err, "the TRE: %s", smr_err_text(err));
	}
}

/** What the TRE has stored has to be open: closed, it answers to every release alike. */
static enum smr_err ask_state(struct smr_tre_client *client, struct smr_boot_refusal *refusal)
{
	struct smr_tre_state state = {0};
	enum smr_err err = smr_tre_client_state(client, &state);

	if (err == SMR_OK)
		err = state.health;
	if (err == SMR_E_MEASUREMENT)
		return smr_boot_refuse(refusal, SMR_BOOT_TRE, err,
				       "what the TRE has stored is closed to the software that runs now: boot the "
				       "former software and prepare there");
	return err == SMR_OK ? SMR_OK : smr_boot_refuse(refusal, SMR_BOOT_TRE, err, "the TRE: %s", smr_err_text(err));
}

enum smr_err smr_boot_prepare(const char *socket, const struct smr_card *supplier,
			      const struct smr_boot_release *running, const struct smr_boot_release *next,
			      struct smr_boot_refusal *refusal)
{
	struct smr_tre_update update = {.running = smr_bytes_of(running->encoded, running->len),
					.next = smr_bytes_of(next->encoded, next->len)};
	struct smr_tre_client client;
	enum smr_err err = smr_tre_connect(&client, socket);

	if (err != SMR_OK)
		return smr_boot_refuse(refusal, SMR_BOOT_TRE, err, "%s: %s", socket, smr_err_text(err));
	memcpy(update.supplier, supplier->sign, sizeof(update.supplier));
	err = ask_state(&client, refusal);
	if (err == SMR_OK) {
		err = smr_tre_client_prepare(&client, &update);
		if (err != SMR_OK)
			(void)refuse(err, &running->content, &next->content, refusal);
	}
	smr_tre_disconnect(&client);
	return err;
}
