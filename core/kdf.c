/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kdf.h"

#define EXPAND_MAX ((size_t)255 * SMR_HASH_LEN) /* RFC 5869 section 2.3: the block counter is one octet */
#define LABEL_PARTS 3u				/* prefix, label, 00 */
#define INFO_MAX (SMR_KDF_CONTEXT_MAX + LABEL_PARTS)

enum smr_err smr_hkdf_extract(struct smr_bytes salt, const struct smr_bytes *ikm, size_t count,
			      uint8_t out[SMR_HASH_LEN])
{
	/* Absent salt is HashLen zeros (RFC 5869 section 2.2); HMAC pads a short key with zeros: the same. */
	return smr_hmac_sha256(salt, ikm, count, out);
}

/* T(n) = HMAC(PRK, T(n-1) | info | n): the parts are laid out once, with room for T in front and n behind. */
struct expansion {
	struct smr_bytes parts[1 + INFO_MAX + 1];
	size_t count;
	uint8_t block[SMR_HASH_LEN];
	uint8_t counter;
};

static void wipe_expansion(struct expansion *e)
{
	SMR_WIPE(e->block);
}

static enum smr_err next_block(struct expansion *e, struct smr_bytes prk)
{
	e->counter++;
	SMR_TRY(smr_hmac_sha256(prk, e->parts, e->count, e->block));
	e->parts[0] = SMR_ARRAY(e->block);
	return SMR_OK;
}

enum smr_err smr_hkdf_expand(struct smr_bytes prk, const struct smr_bytes *info, size_t count, struct smr_space out)
{
	__attribute__((cleanup(wipe_expansion))) struct expansion e;

	if (count > INFO_MAX || out.len > EXPAND_MAX)
		return SMR_E_INVALID;
	e.parts[0] = SMR_NONE;
	for (size_t i = 0; i < count; i++)
		e.parts[1 + i] = info[i];
	e.parts[1 + count] = smr_bytes_of(&e.counter, 1);
	e.count = count + 2;
	e.counter = 0;
	for (size_t done = 0; done < out.len; done += SMR_HASH_LEN) {
		size_t left = out.len - done;
		enum smr_err err = next_block(&e, prk);

		if (err != SMR_OK) {
			smr_wipe(out.ptr, out.len);
			return err;
		}
		memcpy(out.ptr + done, e.block, left < SMR_HASH_LEN ? left : SMR_HASH_LEN);
	}
	return SMR_OK;
}

enum smr_err smr_kdf(struct smr_bytes secret, const char *label, const struct smr_bytes *context, size_t count,
		     struct smr_space out)
{
	static const uint8_t end_of_label[1] = {0};
	struct smr_bytes info[INFO_MAX];

	if (count > SMR_KDF_CONTEXT_MAX || (secret.len != 16 && secret.len != 32))
		return SMR_E_INVALID;
	info[0] = SMR_TEXT("samara1 ");
	info[1] = smr_text_of(label);
	info[2] = SMR_ARRAY(end_of_label);
	for (size_t i = 0; i < count; i++)
		info[LABEL_PARTS + i] = context[i];
	return smr_hkdf_expand(secret, info, LABEL_PARTS + count, out);
}
