/* SPDX-License-Identifier: Apache-2.0 */
#include "core/release.h"

/* Of the payload: without lengths, and with them behind all others. */
#define ITEMS 5u
#define ITEMS_LENGTHS 6u

static bool is_good(const struct smr_release *release)
{
	return release->number != 0 && smr_boot_text_is_good(release->product, SMR_RELEASE_PRODUCT_MAX) &&
	       smr_boot_text_is_good(release->version, SMR_RELEASE_VERSION_MAX);
}

static void put_lengths(struct smr_writer *w, const struct smr_release *release)
{
	smr_put_array(w, release->log.count);
	for (size_t i = 0; i < release->log.count && w->err == SMR_OK; i++)
		smr_put_uint(w, release->lengths[i]);
}

enum smr_err smr_release_sign(struct smr_writer *w, const struct smr_privkey *supplier,
			      const struct smr_release *release)
{
	uint8_t room[SMR_RELEASE_MAX];
	struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_key_id key;
	struct smr_bytes encoded;

	if (!is_good(release))
		return SMR_E_INVALID;
	if (w->err == SMR_OK)
		w->err = smr_key_id_of(supplier->point, &key);
	SMR_TRY(w->err);
	smr_put_array(&payload, release->has_lengths ? ITEMS_LENGTHS : ITEMS);
	smr_put_bytes(&payload, SMR_ARRAY(key.octets));
	smr_put_text(&payload, release->product);
	smr_put_uint(&payload, release->number);
	smr_put_text(&payload, release->version);
	smr_put_boot_log(&payload, &release->log);
	if (release->has_lengths)
		put_lengths(&payload, release);
	SMR_TRY(smr_writer_done(&payload, &encoded));
	return smr_cose_sign(w, supplier, SMR_LABEL_RELEASE, SMR_NONE, encoded);
}

/* Array head, which tells the two forms apart, and first item of the payload. */
static struct smr_key_id get_key(struct smr_reader *r, bool *has_lengths)
{
	struct smr_key_id key = {{0}};

	*has_lengths = smr_get_array(r, ITEMS, ITEMS_LENGTHS) == ITEMS_LENGTHS;
	smr_get_fixed(r, key.octets, sizeof(key.octets));
	return key;
}

/* One for each event of the log, which is read already. */
static void get_lengths(struct smr_reader *r, struct smr_release *release)
{
	(void)smr_get_array(r, release->log.count, release->log.count);
	for (size_t i = 0; i < release->log.count; i++)
		release->lengths[i] = (uint32_t)smr_get_uint(r, UINT32_MAX);
}

/* One form for each release: the name of its key is not left to who signs it. */
static enum smr_err check_key(const struct smr_key_id *named, const struct smr_pubkey *supplier)
{
	struct smr_key_id key;

	SMR_TRY(smr_key_id_of(supplier->point, &key));
	return memcmp(named, &key, sizeof(key)) == 0 ? SMR_OK : SMR_E_MALFORMED;
}

/* What was verified. In place: a second release on the stack is what a small device has no room for. */
static enum smr_err get_release(struct smr_bytes payload, const struct smr_pubkey *supplier, struct smr_release *out)
{
	struct smr_reader r = smr_reader_init(payload);
	struct smr_key_id key;

	*out = (struct smr_release){0};
	key = get_key(&r, &out->has_lengths);
	out->product = smr_get_text(&r, 1, SMR_RELEASE_PRODUCT_MAX);
	out->number = (uint32_t)smr_get_uint(&r, UINT32_MAX);
	out->version = smr_get_text(&r, 1, SMR_RELEASE_VERSION_MAX);
	smr_get_boot_log(&r, &out->log);
	if (out->has_lengths)
		get_lengths(&r, out);
	SMR_TRY(smr_reader_done(&r));
	return is_good(out) ? check_key(&key, supplier) : SMR_E_MALFORMED;
}

enum smr_err smr_release_open(struct smr_bytes encoded, const struct smr_pubkey *supplier, struct smr_release *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);
	enum smr_err err;

	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(smr_cose_verify(&object, supplier, SMR_LABEL_RELEASE, SMR_NONE));
	err = get_release(object.payload, supplier, out);
	if (err != SMR_OK)
		*out = (struct smr_release){0};
	return err;
}

enum smr_err smr_release_peek(struct smr_bytes encoded, struct smr_key_id *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);
	struct smr_key_id key;
	bool has_lengths;

	SMR_TRY(smr_reader_done(&r));
	r = smr_reader_init(object.payload);
	key = get_key(&r, &has_lengths);
	SMR_TRY(r.err);
	*out = key;
	return SMR_OK;
}
