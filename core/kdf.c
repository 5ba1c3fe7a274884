/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kdf.h"

#define EXPAND_MAX ((size_t)255 * SMR_HASH_LEN) /* RFC 5869 section 2.3: the block counter is one octet */
#define INFO_PARTS_MAX (SMR_KDF_CONTEXT_MAX + 3u)

enum smr_err smr_hkdf_extract(struct smr_bytes salt, const struct smr_bytes *ikm, size_t count,
			      uint8_t out[SMR_HASH_LEN])
{
	/* Absent salt is HashLen zeros (RFC 5869 section 2.2); HMAC pads a short key with zeros: the same. */
	return smr_hmac_sha256(salt, ikm, count, out);
}

/* T(n) = HMAC(PRK, T(n-1) | info | n): the parts are laid out once, with room for T in front and n behind. */
struct expansion {
	struct smr_bytes parts[1 + INFO_PARTS_MAX + 1];
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

	if (count > INFO_PARTS_MAX || out.len > EXPAND_MAX)
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

/* The info of a derivation in one piece, and room for the block counter behind it. */
struct info {
	uint8_t octets[SMR_KDF_INFO_MAX + 1];
	size_t len; /* SIZE_MAX: it was too long */
};

static void append(struct info *info, struct smr_bytes part)
{
	if (info->len > SMR_KDF_INFO_MAX || part.len > SMR_KDF_INFO_MAX - info->len) {
		info->len = SIZE_MAX;
		return;
	}
	if (part.len != 0)
		memcpy(info->octets + info->len, part.ptr, part.len);
	info->len += part.len;
}

static enum smr_err lay_out(struct info *info, const char *label, const struct smr_bytes *context, size_t count)
{
	const struct smr_bytes name = smr_text_of(label);

	info->len = 0;
	append(info, SMR_TEXT("samara1 "));
	append(info, smr_bytes_of(name.ptr, name.len + 1)); /* with its 00 */
	for (size_t i = 0; i < count; i++)
		append(info, context[i]);
	return count <= SMR_KDF_CONTEXT_MAX && info->len != SIZE_MAX ? SMR_OK : SMR_E_INVALID;
}

/* HKDF-Expand of up to 32 octets is T(1) = HMAC(PRK, info | 01). */
static struct smr_bytes first_block(struct info *info)
{
	info->octets[info->len] = 1;
	return smr_bytes_of(info->octets, info->len + 1);
}

static enum smr_err cut(enum smr_err err, uint8_t block[SMR_HASH_LEN], struct smr_space out)
{
	if (err == SMR_OK)
		memcpy(out.ptr, block, out.len);
	else
		smr_wipe(out.ptr, out.len);
	smr_wipe(block, SMR_HASH_LEN);
	return err;
}

enum smr_err smr_kdf(struct smr_bytes secret, const char *label, const struct smr_bytes *context, size_t count,
		     struct smr_space out)
{
	uint8_t block[SMR_HASH_LEN];
	struct smr_bytes part;
	struct info info;

	if ((secret.len != 16 && secret.len != 32) || out.len > SMR_HASH_LEN)
		return SMR_E_INVALID;
	SMR_TRY(lay_out(&info, label, context, count));
	part = first_block(&info);
	return cut(smr_hmac_sha256(secret, &part, 1, block), block, out);
}

enum smr_err smr_kdf_with(const struct smr_hmac_key *secret, const char *label, const struct smr_bytes *context,
			  size_t count, struct smr_space out)
{
	uint8_t block[SMR_HASH_LEN];
	struct smr_bytes part;
	struct info info;

	if (out.len > SMR_HASH_LEN)
		return SMR_E_INVALID;
	SMR_TRY(lay_out(&info, label, context, count));
	part = first_block(&info);
	return cut(smr_hmac_with(secret, &part, 1, block), block, out);
}
