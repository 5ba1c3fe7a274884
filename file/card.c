/* SPDX-License-Identifier: Apache-2.0 */
#include "file/card.h"

#include "core/cose.h"
#include "sys/fsio.h"
#include "sys/text.h"

#define BEGIN_MARK "-----BEGIN SAMARA CARD-----\n"
#define END_MARK "-----END SAMARA CARD-----\n"
#define LINE_LEN 64u
#define FILE_MAX 16384u

static bool role_is_good(struct smr_bytes role)
{
	if (role.len == 0 || role.len >= sizeof(((struct smr_card *)0)->role))
		return false;
	for (size_t i = 0; i < role.len; i++)
		if (role.ptr[i] < 'a' || role.ptr[i] > 'z')
			return false;
	return true;
}

/* A name is shown on terminals and in logs: no control characters, neither C0 nor C1 (UTF-8 c2 80 to c2 9f). */
static bool name_is_good(struct smr_bytes name)
{
	if (name.len == 0 || name.len > SMR_CARD_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
			return false;
		if (name.ptr[i] == 0xc2 && i + 1 < name.len && name.ptr[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static void put_payload(struct smr_writer *w, const struct smr_card *card)
{
	smr_put_array(w, 4);
	smr_put_text(w, smr_text_of(card->role));
	smr_put_text(w, smr_text_of(card->name));
	smr_put_bytes(w, SMR_ARRAY(card->sign));
	if (card->has_kem)
		smr_put_bytes(w, SMR_ARRAY(card->kem));
	else
		smr_put_null(w);
}

enum smr_err smr_card_make(struct smr_card *card, const struct smr_privkey *sign)
{
	uint8_t room[SMR_CARD_MAX];
	struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_writer w = smr_writer_init((struct smr_space){card->encoded, sizeof(card->encoded)});
	struct smr_bytes view;

	if (!role_is_good(smr_bytes_of(card->role, strnlen(card->role, sizeof(card->role)))) ||
	    !name_is_good(smr_bytes_of(card->name, strnlen(card->name, sizeof(card->name)))))
		return SMR_E_INVALID;
	smr_point_compress(sign->point, card->sign);
	put_payload(&payload, card);
	SMR_TRY(smr_writer_done(&payload, &view));
	SMR_TRY(smr_cose_sign(&w, sign, SMR_LABEL_CARD, SMR_NONE, view));
	SMR_TRY(smr_writer_done(&w, &view));
	card->encoded_len = view.len;
	return SMR_OK;
}

static enum smr_err read_payload(struct smr_bytes payload, struct smr_card *card)
{
	struct smr_reader r = smr_reader_init(payload);
	struct smr_bytes role;
	struct smr_bytes name;

	(void)smr_get_array(&r, 4, 4);
	role = smr_get_text(&r, 1, sizeof(card->role) - 1);
	name = smr_get_text(&r, 1, SMR_CARD_NAME_MAX);
	smr_get_fixed(&r, card->sign, sizeof(card->sign));
	card->has_kem = !smr_get_null(&r);
	if (card->has_kem)
		smr_get_fixed(&r, card->kem, sizeof(card->kem));
	SMR_TRY(smr_reader_done(&r));
	if (!role_is_good(role) || !name_is_good(name))
		return SMR_E_MALFORMED;
	memcpy(card->role, role.ptr, role.len);
	memcpy(card->name, name.ptr, name.len);
	return SMR_OK;
}

/* Both keys have to be points: whoever trusts a card can then use it without further doubt. */
static enum smr_err check_keys(const struct smr_card *card, const struct smr_signed *object)
{
	struct smr_pubkey key = {0};
	enum smr_err err = smr_pubkey_import(&key, SMR_ARRAY(card->sign));

	if (err == SMR_OK)
		err = smr_cose_verify(object, &key, SMR_LABEL_CARD, SMR_NONE);
	smr_pubkey_wipe(&key);
	if (err == SMR_OK && card->has_kem) {
		err = smr_pubkey_import(&key, SMR_ARRAY(card->kem));
		smr_pubkey_wipe(&key);
	}
	return err == SMR_E_BAD_POINT ? SMR_E_MALFORMED : err;
}

enum smr_err smr_card_open(struct smr_bytes encoded, struct smr_card *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_card card = {.encoded_len = encoded.len};
	struct smr_signed object;

	if (encoded.len > sizeof(card.encoded))
		return SMR_E_MALFORMED;
	object = smr_get_signed(&r);
	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(read_payload(object.payload, &card));
	SMR_TRY(check_keys(&card, &object));
	memcpy(card.encoded, encoded.ptr, encoded.len);
	*out = card;
	return SMR_OK;
}

/* The base64 text between the marks, its white space removed in place. */
static enum smr_err cut_armour(struct smr_blob *text, struct smr_bytes *out)
{
	static const char begin_mark[] = BEGIN_MARK;
	static const char end_mark[] = END_MARK;
	/* Without their line ends, which mail may have changed. */
	uint8_t *begin = memmem(text->ptr, text->len, begin_mark, sizeof(begin_mark) - 2);
	const uint8_t *end;
	size_t len = 0;

	if (begin == NULL)
		return SMR_E_MALFORMED;
	begin += sizeof(begin_mark) - 2;
	end = memmem(begin, text->len - (size_t)(begin - text->ptr), end_mark, sizeof(end_mark) - 2);
	if (end == NULL)
		return SMR_E_MALFORMED;
	for (const uint8_t *p = begin; p < end; p++)
		if (*p != '\n' && *p != '\r' && *p != ' ' && *p != '\t')
			begin[len++] = *p;
	*out = smr_bytes_of(begin, len);
	return SMR_OK;
}

static enum smr_err read_armour(struct smr_blob *text, struct smr_card *card)
{
	uint8_t room[SMR_CARD_MAX];
	struct smr_space encoded = {room, sizeof(room)};
	struct smr_bytes base64;

	SMR_TRY(cut_armour(text, &base64));
	if (smr_base64_decode(base64, &encoded) != SMR_OK)
		return SMR_E_MALFORMED;
	return smr_card_open(smr_bytes_of(encoded.ptr, encoded.len), card);
}

enum smr_err smr_card_read(const char *path, const char *role, struct smr_card *out)
{
	struct smr_blob text = {0};
	enum smr_err err = smr_fs_read(path, FILE_MAX, &text);

	if (err == SMR_OK)
		err = read_armour(&text, out);
	else if (err == SMR_E_TOO_MANY)
		err = SMR_E_MALFORMED;
	smr_blob_wipe(&text);
	if (err == SMR_OK && role != NULL && strcmp(out->role, role) != 0)
		err = SMR_E_UNSUPPORTED;
	return err;
}

enum smr_err smr_card_write(const char *path, const struct smr_card *card)
{
	char base64[SMR_BASE64_TEXT(SMR_CARD_MAX)];
	char text[sizeof(BEGIN_MARK) + sizeof(END_MARK) + sizeof(base64) + sizeof(base64) / LINE_LEN + 2];
	size_t len = sizeof(BEGIN_MARK) - 1;
	size_t base64_len;

	smr_base64_encode(smr_bytes_of(card->encoded, card->encoded_len), base64);
	base64_len = strlen(base64);
	memcpy(text, BEGIN_MARK, len);
	for (size_t i = 0; i < base64_len; i += LINE_LEN) {
		size_t part = base64_len - i < LINE_LEN ? base64_len - i : LINE_LEN;

		memcpy(text + len, base64 + i, part);
		text[len + part] = '\n';
		len += part + 1;
	}
	memcpy(text + len, END_MARK, sizeof(END_MARK) - 1);
	len += sizeof(END_MARK) - 1;
	return smr_fs_write(path, smr_bytes_of(text, len), 0644);
}

enum smr_err smr_card_fingerprint(const struct smr_card *card, char out[SMR_FINGERPRINT_TEXT])
{
	const struct smr_bytes part = smr_bytes_of(card->encoded, card->encoded_len);
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(smr_sha256(&part, 1, hash));
	smr_hex_encode(SMR_ARRAY(hash), out);
	return SMR_OK;
}
