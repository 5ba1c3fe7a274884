/* SPDX-License-Identifier: Apache-2.0 */
/* What suppliers send (types 1 and 2), the key lists of the RO (9), and what all decoders share. */
#include "file/formats_local.h"

static void check(struct smr_reader *r, enum smr_err err)
{
	if (r->err == SMR_OK && err != SMR_OK)
		smr_reader_fail(r, err);
}

void smr_get_eid(struct smr_reader *r, struct smr_eid *out)
{
	smr_get_fixed(r, out->octets, sizeof(out->octets));
	check(r, r->err == SMR_OK ? smr_eid_check(out) : SMR_OK);
}

void smr_get_iccid(struct smr_reader *r, struct smr_iccid *out)
{
	smr_get_fixed(r, out->octets, sizeof(out->octets));
	check(r, r->err == SMR_OK ? smr_iccid_check(out) : SMR_OK);
}

void smr_get_point(struct smr_reader *r, uint8_t out[SMR_POINT_COMPRESSED_LEN])
{
	smr_get_fixed(r, out, SMR_POINT_COMPRESSED_LEN);
	check(r, out[0] == 2 || out[0] == 3 ? SMR_OK : SMR_E_MALFORMED);
}

void smr_get_point_or_null(struct smr_reader *r, bool *has, uint8_t out[SMR_POINT_COMPRESSED_LEN])
{
	*has = !smr_get_null(r);
	memset(out, 0, SMR_POINT_COMPRESSED_LEN);
	if (*has)
		smr_get_point(r, out);
}

void smr_put_point_or_null(struct smr_writer *w, bool has, const uint8_t point[SMR_POINT_COMPRESSED_LEN])
{
	if (has)
		smr_put_bytes(w, smr_bytes_of(point, SMR_POINT_COMPRESSED_LEN));
	else
		smr_put_null(w);
}

void smr_put_subject(struct smr_writer *w, const struct smr_eid *eid, const struct smr_iccid *iccid, uint64_t serial)
{
	smr_put_bytes(w, smr_eid_bytes(eid));
	smr_put_bytes(w, smr_iccid_bytes(iccid));
	smr_put_uint(w, serial);
}

void smr_get_subject(struct smr_reader *r, struct smr_eid *eid, struct smr_iccid *iccid, uint64_t *serial)
{
	smr_get_eid(r, eid);
	smr_get_iccid(r, iccid);
	*serial = smr_get_uint(r, UINT64_MAX);
}

void smr_put_empty_about(struct smr_writer *w)
{
	smr_put_array(w, 0);
}

enum smr_err smr_get_empty_about(struct smr_bytes encoded)
{
	struct smr_reader r = smr_reader_init(encoded);

	(void)smr_get_array(&r, 0, 0);
	return smr_reader_done(&r);
}

/* ---- shipment ---- */

void smr_put_shipment_about(struct smr_writer *w, const struct smr_shipment_about *about)
{
	smr_put_array(w, about->platform == SMR_PLATFORM_SOFTWARE ? 3 : 4);
	smr_put_bytes(w, SMR_ARRAY(about->id.octets));
	smr_put_point_or_null(w, about->owner_bound, about->owner);
	if (about->has_gate)
		smr_put_bytes(w, SMR_ARRAY(about->gate));
	else
		smr_put_null(w);
	smr_put_platform(w, about->platform);
}

enum smr_err smr_get_shipment_about(struct smr_bytes encoded, struct smr_shipment_about *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_shipment_about about = {0};
	size_t items = smr_get_array(&r, 3, 4);

	smr_get_fixed(&r, about.id.octets, sizeof(about.id.octets));
	smr_get_point_or_null(&r, &about.owner_bound, about.owner);
	about.has_gate = !smr_get_null(&r);
	if (about.has_gate)
		smr_get_fixed(&r, about.gate, sizeof(about.gate));
	about.platform = smr_get_platform(&r, items == 4);
	SMR_TRY(smr_reader_done(&r));
	*out = about;
	return SMR_OK;
}

void smr_put_shipment_record(struct smr_writer *w, const struct smr_shipment_record *record)
{
	smr_put_array(w, record->endorsement_len > 0 ? 5 : 4);
	smr_put_bytes(w, smr_eid_bytes(&record->eid));
	if (record->has_imei)
		smr_put_bytes(w, SMR_ARRAY(record->imei.octets));
	else
		smr_put_null(w);
	smr_put_bytes(w, SMR_ARRAY(record->d));
	smr_put_bytes(w, SMR_ARRAY(record->t));
	if (record->endorsement_len > 0)
		smr_put_bytes(w, smr_bytes_of(record->endorsement, record->endorsement_len));
}

/* By way of the text, whose parser knows the lengths and the check digit. */
static enum smr_err check_imei(const struct smr_imei *imei)
{
	char text[SMR_IMEI_TEXT];
	struct smr_imei again;

	for (size_t i = 0; i < sizeof(imei->octets); i++)
		if (imei->octets[i] >> 4 > 9 || ((imei->octets[i] & 15) > 9 && i + 1 < sizeof(imei->octets)))
			return SMR_E_MALFORMED;
	smr_imei_text(imei, text);
	SMR_TRY(smr_imei_parse(smr_bytes_of(text, strlen(text)), &again));
	return memcmp(imei, &again, sizeof(again)) == 0 ? SMR_OK : SMR_E_MALFORMED;
}

static void get_endorsement(struct smr_reader *r, struct smr_shipment_record *record)
{
	struct smr_bytes der = smr_get_bytes(r, 1, sizeof(record->endorsement));

	record->endorsement_len = der.len;
	if (der.len > 0)
		memcpy(record->endorsement, der.ptr, der.len);
}

enum smr_err smr_get_shipment_record(struct smr_bytes encoded, struct smr_shipment_record *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_shipment_record record = {0};
	size_t items = smr_get_array(&r, 4, 5);

	smr_get_eid(&r, &record.eid);
	record.has_imei = !smr_get_null(&r);
	if (record.has_imei) {
		smr_get_fixed(&r, record.imei.octets, sizeof(record.imei.octets));
		check(&r, r.err == SMR_OK ? check_imei(&record.imei) : SMR_OK);
	}
	smr_get_point(&r, record.d);
	smr_get_point(&r, record.t);
	if (items == 5)
		get_endorsement(&r, &record);
	SMR_TRY(smr_reader_done(&r));
	*out = record;
	return SMR_OK;
}

enum smr_err smr_shipment_id_of(const uint8_t supplier[SMR_POINT_COMPRESSED_LEN], uint64_t number,
				struct smr_shipment_id *out)
{
	uint8_t encoded[8];
	uint8_t hash[SMR_HASH_LEN];
	const struct smr_bytes parts[] = {
		SMR_TEXT("samara1 shipment"), {supplier, SMR_POINT_COMPRESSED_LEN}, SMR_ARRAY(encoded)};

	smr_put_be64(encoded, number);
	SMR_TRY(smr_sha256(parts, SMR_COUNT(parts), hash));
	memcpy(out->octets, hash, sizeof(out->octets));
	return SMR_OK;
}

/* ---- reference measurements ---- */

void smr_put_reference_record(struct smr_writer *w, const struct smr_reference_record *record)
{
	smr_put_array(w, 2);
	if (record->log.count > 0)
		smr_put_boot_log(w, &record->log);
	else
		smr_put_bytes(w, SMR_ARRAY(record->measurement));
	smr_put_text(w, smr_bytes_of(record->version, strnlen(record->version, sizeof(record->version))));
}

/* What a boot log comes to: nobody has to send the PCRs, nor believe them. */
static enum smr_err replay(struct smr_reference_record *record)
{
	uint8_t digest[SMR_HASH_LEN];
	uint32_t pcrs;

	SMR_TRY(smr_tpm_log_replay(record->log.events, record->log.count, &pcrs, digest));
	return smr_tpm_state(pcrs, digest, record->measurement);
}

static bool is_array(struct smr_reader r)
{
	return smr_get_array(&r, 0, SIZE_MAX) > 0;
}

enum smr_err smr_get_reference_record(struct smr_bytes encoded, struct smr_reference_record *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_reference_record record = {0};
	struct smr_bytes version;

	(void)smr_get_array(&r, 2, 2);
	if (is_array(r))
		smr_get_boot_log(&r, &record.log);
	else
		smr_get_fixed(&r, record.measurement, sizeof(record.measurement));
	version = smr_get_text(&r, 0, sizeof(record.version) - 1);
	SMR_TRY(smr_reader_done(&r));
	/* It is shown on terminals. */
	for (size_t i = 0; i < version.len; i++)
		if (version.ptr[i] < 0x20 || version.ptr[i] == 0x7f)
			return SMR_E_MALFORMED;
	if (record.log.count > 0)
		SMR_TRY(replay(&record));
	if (version.len > 0)
		memcpy(record.version, version.ptr, version.len);
	*out = record;
	return SMR_OK;
}

/* ---- flight keys ---- */

void smr_put_flight_keys_about(struct smr_writer *w, const uint8_t root[SMR_POINT_COMPRESSED_LEN])
{
	smr_put_array(w, 1);
	smr_put_bytes(w, smr_bytes_of(root, SMR_POINT_COMPRESSED_LEN));
}

enum smr_err smr_get_flight_keys_about(struct smr_bytes encoded, uint8_t root[SMR_POINT_COMPRESSED_LEN])
{
	struct smr_reader r = smr_reader_init(encoded);
	uint8_t point[SMR_POINT_COMPRESSED_LEN];

	(void)smr_get_array(&r, 1, 1);
	smr_get_point(&r, point);
	SMR_TRY(smr_reader_done(&r));
	memcpy(root, point, sizeof(point));
	return SMR_OK;
}
