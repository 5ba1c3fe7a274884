/* SPDX-License-Identifier: Apache-2.0 */
#include "core/release.h"

#define ITEMS 6u

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
	smr_put_array(&payload, ITEMS);
	smr_put_bytes(&payload, SMR_ARRAY(key.octets));
	smr_put_text(&payload, release->product);
	smr_put_uint(&payload, release->number);
	smr_put_text(&payload, release->version);
	smr_put_boot_log(&payload, &release->log);
	put_lengths(&payload, release);
	SMR_TRY(smr_writer_done(&payload, &encoded));
	return smr_cose_sign(w, supplier, SMR_LABEL_RELEASE, SMR_NONE, encoded);
}

/* Array head and first item of the payload. */
static struct smr_key_id get_key(struct smr_reader *r)
{
	struct smr_key_id key = {{0}};

	(void)smr_get_array(r, ITEMS, ITEMS);
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

enum smr_err smr_release_open(struct smr_bytes encoded, const struct smr_pubkey *supplier, struct smr_release *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);
	struct smr_release release = {0};
	struct smr_key_id key;

	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(smr_cose_verify(&object, supplier, SMR_LABEL_RELEASE, SMR_NONE));
	r = smr_reader_init(object.payload);
	key = get_key(&r);
	release.product = smr_get_text(&r, 1, SMR_RELEASE_PRODUCT_MAX);
	release.number = (uint32_t)smr_get_uint(&r, UINT32_MAX);
	release.version = smr_get_text(&r, 1, SMR_RELEASE_VERSION_MAX);
	smr_get_boot_log(&r, &release.log);
	get_lengths(&r, &release);
	SMR_TRY(smr_reader_done(&r));
	if (!is_good(&release))
		return SMR_E_MALFORMED;
	SMR_TRY(check_key(&key, supplier));
	*out = release;
	return SMR_OK;
}

enum smr_err smr_release_peek(struct smr_bytes encoded, struct smr_key_id *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);
	struct smr_key_id key;

	SMR_TRY(smr_reader_done(&r));
	r = smr_reader_init(object.payload);
	key = get_key(&r);
	SMR_TRY(r.err);
	*out = key;
	return SMR_OK;
}
