/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/release_file.h"

#include "sys/fsio.h"
#include "sys/text.h"

/* Does it begin as a signed object does, and end before the signature does? */
static bool ends_early(struct smr_bytes encoded)
{
	static const uint8_t signature_head[] = {0x58, SMR_SIG_LEN};
	size_t head;
	uint8_t padded[SMR_RELEASE_MAX] = {0};
	struct smr_reader r = smr_reader_init(SMR_ARRAY(padded));

	memcpy(padded, encoded.ptr, encoded.len);
	(void)smr_get_array(&r, 4, 4);
	(void)smr_get_bytes(&r, 3, 3);
	(void)smr_get_map(&r, 0);
	(void)smr_get_bytes(&r, 0, sizeof(padded));
	if (r.err != SMR_OK || encoded.len >= r.pos + sizeof(signature_head) + SMR_SIG_LEN)
		return false;
	head = encoded.len < r.pos ? 0 : encoded.len - r.pos;
	return memcmp(padded + r.pos, signature_head, head < sizeof(signature_head) ? head : sizeof(signature_head)) ==
	       0;
}

/* Altered, or another's from the start? What it says of its key explains a signature that fails, and proves nothing. */
static enum smr_err refuse_signature(const char *path, const struct smr_pubkey *supplier, struct smr_bytes encoded,
				     struct smr_boot_refusal *refusal)
{
	struct smr_key_id named;
	struct smr_key_id own;
	char named_hex[SMR_HEX_TEXT(SMR_KEY_ID_LEN)];
	char own_hex[SMR_HEX_TEXT(SMR_KEY_ID_LEN)];

	if (smr_key_id_of(supplier->point, &own) != SMR_OK || smr_release_peek(encoded, &named) != SMR_OK ||
	    memcmp(&named, &own, sizeof(own)) == 0)
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_ALTERED, SMR_E_SIGNATURE,
				       "%s: its signature does not fit it: altered, or signed as something else", path);
	smr_hex_encode(SMR_ARRAY(named.octets), named_hex);
	smr_hex_encode(SMR_ARRAY(own.octets), own_hex);
	return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_KEY, SMR_E_SIGNATURE,
			       "%s: names the key %s, and this device's supplier has %s", path, named_hex, own_hex);
}

static enum smr_err open_release(const char *path, const struct smr_pubkey *supplier, struct smr_bytes encoded,
				 struct smr_release *out, struct smr_boot_refusal *refusal)
{
	enum smr_err err = smr_release_open(encoded, supplier, out);

	if (err == SMR_OK)
		return SMR_OK;
	if (err == SMR_E_SIGNATURE)
		return refuse_signature(path, supplier, encoded, refusal);
	if (ends_early(encoded))
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_TRUNCATED, err, "%s: ends before its signature does",
				       path);
	return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_UNSIGNED, err, "%s: is no signed release", path);
}

enum smr_err smr_boot_release_read(const char *path, const struct smr_pubkey *supplier, struct smr_boot_release *out,
				   struct smr_boot_refusal *refusal)
{
	struct smr_blob blob = {0};
	enum smr_err err = smr_fs_read(path, sizeof(out->encoded), &blob);

	if (err == SMR_OK) {
		memcpy(out->encoded, blob.ptr, blob.len);
		out->len = blob.len;
		err = open_release(path, supplier, smr_bytes_of(out->encoded, blob.len), &out->content, refusal);
	} else if (err == SMR_E_TOO_MANY) {
		err = smr_boot_refuse(refusal, SMR_BOOT_RELEASE_UNSIGNED, err, "%s: is no signed release", path);
	} else {
		err = smr_boot_refuse(refusal, SMR_BOOT_RELEASE_MISSING, err, "%s: %s", path, smr_err_text(err));
	}
	smr_blob_wipe(&blob);
	return err;
}

enum smr_err smr_boot_release_admit(const struct smr_release *release, const char *product, uint64_t floor,
				    struct smr_boot_refusal *refusal)
{
	if (!smr_bytes_equal(release->product, smr_text_of(product)))
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_PRODUCT, SMR_E_NOT_ADDRESSEE,
				       "the release is for %.*s, and this is %s", (int)release->product.len,
				       (const char *)release->product.ptr, product);
	if (release->number < floor)
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_OLDER, SMR_E_ROLLBACK,
				       "the release has number %u, and %llu was booted here already", release->number,
				       (unsigned long long)floor);
	return SMR_OK;
}
