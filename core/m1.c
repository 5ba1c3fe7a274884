/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flight.h"
#include "core/kdf.h"
#include "core/sealed.h"

/* M1 = [ suite, number, e, sealed ], as views. */
struct outer {
	uint32_t number;
	struct smr_bytes e;
	struct smr_bytes ad; /* everything before the last item */
	struct smr_bytes sealed;
};

/* m1-plain. ev names the device: it must not stay on the stack in clear. */
struct plain {
	uint8_t ev[SMR_EV_MAX];
	size_t ev_len;
	struct smr_attestation attestation;
	struct smr_bytes certificate;	/* encoded, or empty */
	const struct smr_boot_log *log; /* NULL: none */
	size_t longest;			/* of the names in it */
};

static void wipe_plain(struct plain *plain)
{
	SMR_WIPE(*plain);
}

static enum smr_err derive_k1(const uint8_t dh_eq[SMR_DH_LEN], const uint8_t e[SMR_POINT_COMPRESSED_LEN],
			      const uint8_t q[SMR_POINT_COMPRESSED_LEN], struct smr_secret *k1)
{
	const struct smr_bytes ikm = smr_bytes_of(dh_eq, SMR_DH_LEN);
	const struct smr_bytes context[] = {smr_bytes_of(e, SMR_POINT_COMPRESSED_LEN),
					    smr_bytes_of(q, SMR_POINT_COMPRESSED_LEN)};
	SMR_SECRET prk;

	SMR_TRY(smr_hkdf_extract(SMR_TEXT("samara1 flight"), &ikm, 1, prk.octets));
	return smr_kdf(SMR_ARRAY(prk.octets), "k1", context, SMR_COUNT(context),
		       (struct smr_space){k1->octets, SMR_AEAD_KEY_LEN});
}

void smr_flight_wipe(struct smr_flight *flight)
{
	smr_privkey_wipe(&flight->e);
	SMR_WIPE(*flight);
}

/* ---- device ---- */

static void put_plain(struct smr_writer *w, const void *content)
{
	const struct plain *plain = content;

	smr_put_array(w, plain->log != NULL ? 3 : plain->certificate.len == 0 ? 1 : 2);
	smr_put_attested(w, smr_bytes_of(plain->ev, plain->ev_len), &plain->attestation);
	smr_put_raw(w, plain->certificate);
	if (plain->log == NULL)
		return;
	if (plain->certificate.len == 0)
		smr_put_null(w);
	smr_put_shown_log(w, plain->log, plain->longest);
}

static enum smr_err attest_evidence(const struct smr_evidence *evidence, const struct smr_attester *d,
				    const uint8_t points[2 * SMR_POINT_COMPRESSED_LEN], struct plain *plain,
				    uint8_t hash_ev[SMR_HASH_LEN])
{
	struct smr_writer w = smr_writer_init((struct smr_space){plain->ev, sizeof(plain->ev)});
	struct smr_bytes ev;

	smr_put_ev(&w, evidence);
	SMR_TRY(smr_writer_done(&w, &ev));
	plain->ev_len = ev.len;
	SMR_TRY(smr_evidence_hash(ev, points, points + SMR_POINT_COMPRESSED_LEN, hash_ev));
	return smr_attest(d, hash_ev, &plain->attestation);
}

static void put_head(struct smr_writer *w, uint32_t q_number, const uint8_t e[SMR_POINT_COMPRESSED_LEN])
{
	smr_put_array(w, 4);
	smr_put_uint(w, SMR_SUITE_1);
	smr_put_uint(w, q_number);
	smr_put_bytes(w, smr_bytes_of(e, SMR_POINT_COMPRESSED_LEN));
}

/** Octets of M1 with this content. */
static size_t size_of(const struct plain *plain, uint32_t q_number)
{
	static const uint8_t no_point[SMR_POINT_COMPRESSED_LEN];
	struct smr_writer inner = smr_writer_size();
	struct smr_writer w = smr_writer_size();

	put_plain(&inner, plain);
	put_head(&w, q_number, no_point);
	(void)smr_put_bytes_room(&w, inner.len + SMR_AEAD_TAG_LEN);
	return inner.err == SMR_OK ? w.len : SIZE_MAX;
}

/** As much of the log as there is room for. */
static void fit_log(struct plain *plain, uint32_t q_number)
{
	size_t limit = plain->certificate.len == 0 ? SMR_M1_SHOWN_MAX : SMR_M1_MAX;

	if (plain->log == NULL || !plain->attestation.quoted) {
		plain->log = NULL;
		return;
	}
	for (plain->longest = SMR_BOOT_NAME_MAX; size_of(plain, q_number) > limit; plain->longest--) {
		if (plain->longest == 0) {
			plain->log = NULL;
			return;
		}
	}
}

static enum smr_err seal(uint32_t q_number, const uint8_t points[2 * SMR_POINT_COMPRESSED_LEN],
			 const struct plain *plain, struct smr_space *m1, struct smr_flight *flight)
{
	struct smr_writer w = smr_writer_init(*m1);
	struct smr_bytes message;
	SMR_SECRET k1;

	SMR_TRY(derive_k1(flight->dh_eq, points, points + SMR_POINT_COMPRESSED_LEN, &k1));
	put_head(&w, q_number, points);
	SMR_TRY(smr_put_sealed(&w, k1.octets, smr_nonce_zero, smr_bytes_of(w.out, w.len), put_plain, plain));
	SMR_TRY(smr_writer_done(&w, &message));
	SMR_TRY(smr_sha256(&message, 1, flight->hash_m1));
	m1->len = message.len;
	return SMR_OK;
}

/* What the server would find malformed. */
static bool inputs_fit(const struct smr_evidence *evidence, struct smr_bytes certificate)
{
	return (unsigned)evidence->fresh_kind <= SMR_FRESH_ATTACH && certificate.len <= SMR_CERTIFICATE_MAX &&
	       !(evidence->fresh_kind == SMR_FRESH_BEACON && evidence->beacon.number == 0);
}

static enum smr_err build(const struct smr_pubkey *q, uint32_t q_number, const struct smr_attester *d,
			  const struct smr_evidence *evidence, struct smr_bytes certificate,
			  const struct smr_boot_log *log, struct smr_space *m1, struct smr_flight *flight)
{
	uint8_t points[2 * SMR_POINT_COMPRESSED_LEN]; /* E | Q */
	__attribute__((cleanup(wipe_plain))) struct plain plain;

	SMR_TRY(smr_privkey_generate(&flight->e));
	SMR_TRY(smr_ecdh(&flight->e, q, flight->dh_eq));
	smr_point_compress(flight->e.point, points);
	smr_point_compress(q->point, points + SMR_POINT_COMPRESSED_LEN);
	plain.certificate = certificate;
	plain.log = log;
	SMR_TRY(attest_evidence(evidence, d, points, &plain, flight->hash_ev));
	fit_log(&plain, q_number);
	flight->ctr = evidence->ctr;
	return seal(q_number, points, &plain, m1, flight);
}

enum smr_err smr_m1_build(const struct smr_pubkey *q, uint32_t q_number, const struct smr_attester *d,
			  const struct smr_evidence *evidence, struct smr_bytes certificate,
			  const struct smr_boot_log *log, struct smr_space *m1, struct smr_flight *flight)
{
	enum smr_err err;

	memset(flight, 0, sizeof(*flight));
	if (!inputs_fit(evidence, certificate))
		return SMR_E_INVALID;
	err = build(q, q_number, d, evidence, certificate, log, m1, flight);
	if (err != SMR_OK)
		smr_flight_wipe(flight);
	return err;
}

/* ---- server ---- */

void smr_m1_wipe(struct smr_m1 *m1)
{
	smr_pubkey_wipe(&m1->e_key);
	SMR_WIPE(*m1);
}

static enum smr_err read_outer(struct smr_bytes datagram, struct outer *out)
{
	struct smr_reader r = smr_reader_init(datagram);
	uint64_t suite;

	smr_get_array(&r, 4, 4);
	suite = smr_get_uint(&r, UINT64_MAX);
	if (r.err == SMR_OK && suite != SMR_SUITE_1)
		return SMR_E_UNSUPPORTED;
	out->number = (uint32_t)smr_get_uint(&r, UINT32_MAX);
	out->e = smr_get_bytes(&r, SMR_POINT_COMPRESSED_LEN, SMR_POINT_COMPRESSED_LEN);
	out->ad = smr_reader_consumed(&r);
	out->sealed = smr_get_bytes(&r, SMR_AEAD_TAG_LEN, SMR_M1_MAX);
	return smr_reader_done(&r);
}

enum smr_err smr_m1_peek(struct smr_bytes datagram, uint32_t *q_number)
{
	struct outer outer;

	SMR_TRY(read_outer(datagram, &outer));
	*q_number = outer.number;
	return SMR_OK;
}

/* Its form alone: whose word it is, and whether anybody needs it, is for the caller. */
static enum smr_err check_certificate(struct smr_bytes encoded)
{
	struct smr_certificate certificate;

	return smr_certificate_peek(encoded, &certificate);
}

/* So too: it comes with a quote alone, which says whether it is worth anything. */
static enum smr_err check_boot_log(const struct smr_m1 *m1)
{
	struct smr_reader r = smr_reader_init(m1->boot_log);
	struct smr_boot_log log;

	if (!m1->attested.attestation.quoted)
		return SMR_E_MALFORMED;
	smr_get_shown_log(&r, &log);
	return smr_reader_done(&r);
}

static void get_plain(struct smr_reader *r, struct smr_m1 *m1)
{
	size_t items = smr_get_array(r, 1, 3);

	smr_get_attested(r, &m1->attested);
	if (items == 2 || (items == 3 && !smr_get_null(r)))
		m1->certificate = smr_get_item(r);
	if (items == 3)
		m1->boot_log = smr_get_item(r);
}

static enum smr_err read_plain(struct smr_bytes plain, struct smr_m1 *m1)
{
	struct smr_reader r = smr_reader_init(plain);

	get_plain(&r, m1);
	SMR_TRY(smr_reader_done(&r));
	if (m1->certificate.len > SMR_CERTIFICATE_MAX || m1->attested.ev.len > SMR_EV_MAX)
		return SMR_E_MALFORMED;
	if (m1->certificate.len > 0)
		SMR_TRY(check_certificate(m1->certificate));
	if (m1->boot_log.len > 0)
		SMR_TRY(check_boot_log(m1));
	r = smr_reader_init(m1->attested.ev);
	smr_get_ev(&r, &m1->evidence);
	return smr_reader_done(&r);
}

/* The one ECDH before anything is known of the sender. e_key stays for the second one, in smr_m2_keys. */
static enum smr_err agree(const struct smr_privkey *q, const struct outer *outer, struct smr_m1 *m1,
			  struct smr_secret *k1)
{
	m1->q_number = outer->number;
	memcpy(m1->e, outer->e.ptr, sizeof(m1->e));
	smr_point_compress(q->point, m1->q);
	SMR_TRY(smr_pubkey_import(&m1->e_key, outer->e));
	SMR_TRY(smr_ecdh(q, &m1->e_key, m1->dh_eq));
	return derive_k1(m1->dh_eq, m1->e, m1->q, k1);
}

static enum smr_err open_m1(const struct smr_privkey *q, struct smr_bytes datagram, struct smr_space scratch,
			    struct smr_m1 *m1)
{
	struct smr_bytes plain;
	struct outer outer;
	enum smr_err err;
	SMR_SECRET k1;

	SMR_TRY(read_outer(datagram, &outer));
	SMR_TRY(agree(q, &outer, m1, &k1));
	SMR_TRY(smr_open_sealed(k1.octets, smr_nonce_zero, outer.ad, outer.sealed, scratch, &plain));
	err = read_plain(plain, m1);
	if (err == SMR_OK)
		err = smr_sha256(&datagram, 1, m1->hash_m1);
	if (err != SMR_OK)
		smr_wipe(scratch.ptr, plain.len);
	return err;
}

enum smr_err smr_m1_open(const struct smr_privkey *q, struct smr_bytes datagram, struct smr_space scratch,
			 struct smr_m1 *m1)
{
	enum smr_err err;

	memset(m1, 0, sizeof(*m1));
	err = open_m1(q, datagram, scratch, m1);
	if (err != SMR_OK)
		smr_m1_wipe(m1);
	return err;
}
