/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/tpm_port.h"

#include <stdio.h>
#include <stdlib.h>

#include "sys/fsio.h"
#include "sys/log.h"

/* ---- counter ---- */

static enum smr_err read_counter(void *context, uint64_t *value)
{
	struct smr_tre_tpm *port = context;
	uint64_t raw = 0;

	SMR_TRY(port->health);
	SMR_TRY(smr_tpm_counter_read(port->tpm, port->secrets.counter_auth, &raw));
	if (raw < port->secrets.base)
		return SMR_E_TAMPERED; /* uncovered: no counter of a TPM goes back */
	*value = raw - port->secrets.base;
	return SMR_OK;
}

static enum smr_err advance_counter(void *context, uint64_t to)
{
	struct smr_tre_tpm *port = context;
	uint64_t now = 0;

	SMR_TRY(read_counter(port, &now));
	if (to == now)
		return SMR_OK; /* uncovered: the engine asks for one more than the counter has */
	if (to != now + 1)
		return SMR_E_INVALID;
	SMR_TRY(smr_tpm_counter_advance(port->tpm, port->secrets.counter_auth));
	return smr_tre_history_follow(&port->history);
}

/* ---- measurement and keys ---- */

static enum smr_err give_measurement(void *context, uint8_t out[SMR_HASH_LEN])
{
	struct smr_tre_tpm *port = context;

	SMR_TRY(smr_tpm_pcr_digest(port->tpm, port->pcrs, port->measurement));
	memcpy(out, port->measurement, SMR_HASH_LEN);
	return SMR_OK;
}

static enum smr_err create_keys(void *context, uint8_t d[SMR_POINT_LEN], uint8_t t[SMR_POINT_LEN])
{
	struct smr_tre_tpm *port = context;
	struct smr_tpm_keys keys;

	SMR_TRY(port->health);
	SMR_TRY(smr_tpm_keys_create(port->tpm, port->secrets.key_auth, &keys));
	memcpy(d, keys.d, sizeof(keys.d));
	memcpy(t, keys.t, sizeof(keys.t));
	return SMR_OK;
}

static enum smr_err load_keys(void *context, uint8_t d[SMR_POINT_LEN], uint8_t t[SMR_POINT_LEN])
{
	struct smr_tre_tpm *port = context;
	struct smr_tpm_keys keys;

	SMR_TRY(smr_tpm_keys_load(port->tpm, port->secrets.key_auth, &keys));
	memcpy(d, keys.d, sizeof(keys.d));
	memcpy(t, keys.t, sizeof(keys.t));
	return SMR_OK;
}

/** Evidence names the measurement that was given out; a quote over other values would make it a lie that nobody believes. */
static enum smr_err attest(void *context, const uint8_t hash[SMR_HASH_LEN], struct smr_attestation *out)
{
	struct smr_tre_tpm *port = context;
	uint8_t quoted[SMR_HASH_LEN];

	SMR_TRY(smr_tpm_quote(port->tpm, port->pcrs, hash, out, quoted));
	return memcmp(quoted, port->measurement, sizeof(quoted)) == 0 ? SMR_OK : SMR_E_MEASUREMENT;
}

static enum smr_err agree(void *context, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	return smr_tpm_agree(((struct smr_tre_tpm *)context)->tpm, peer, out);
}

static enum smr_err endorse(void *context, const uint8_t hash[SMR_HASH_LEN], struct smr_space *certificate,
			    struct smr_attestation *certification)
{
	struct smr_tpm *tpm = ((struct smr_tre_tpm *)context)->tpm;

	SMR_TRY(smr_tpm_ek_certificate(tpm, certificate));
	return smr_tpm_certify(tpm, hash, certification);
}

static enum smr_err activate(void *context, enum smr_own_key key, struct smr_bytes credential,
			     uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	enum smr_err err = smr_tpm_activate(((struct smr_tre_tpm *)context)->tpm, key, credential, secret);

	if (err == SMR_E_TPM_HIERARCHY)
		smr_log_error(SMR_LOG_WARN, "tpm.closed", err, smr_tpm_advice(err));
	return err;
}

/* ---- term ---- */

#define DAY_MS UINT64_C(86400000)

static enum smr_err give_term(void *context, uint8_t out[SMR_TRE_TERM_LEN])
{
	const struct smr_tre_tpm *port = context;
	struct smr_tpm_clock clock;

	SMR_TRY(smr_tpm_clock_read(port->tpm, &clock)); /* under a session that a reset would have ended */
	memcpy(out, port->start, SMR_HASH_LEN);
	smr_put_be32(out + SMR_HASH_LEN, clock.restarts);
	smr_put_be64(out + SMR_HASH_LEN + 4, clock.ms / DAY_MS);
	return SMR_OK;
}

/* ---- storage ---- */

static enum smr_err store_record(void *context, struct smr_bytes record)
{
	struct smr_tre_tpm *port = context;
	struct smr_space file = {port->file, sizeof(port->file)};

	SMR_TRY(port->health);
	SMR_TRY(smr_tre_history_bind(&port->history, record, &file));
	return smr_tre_place_store(&port->place, smr_bytes_of(file.ptr, file.len));
}

static enum smr_err load_record(void *context, struct smr_space *record)
{
	struct smr_tre_tpm *port = context;
	struct smr_space file = {port->file, sizeof(port->file)};

	SMR_TRY(port->health);
	SMR_TRY(smr_tre_place_load(&port->place, &file));
	SMR_TRY(smr_tre_history_take(&port->history, &file));
	if (file.len > record->len)
		return SMR_E_TAMPERED; /* uncovered: a file of before that is longer than any record */
	memcpy(record->ptr, file.ptr, file.len);
	record->len = file.len;
	return SMR_OK;
}

/** For what was just loaded, or for what is to be stored: the engine asks in that order. */
static enum smr_err give_storage_key(void *context, uint8_t key[SMR_AEAD_KEY_LEN])
{
	struct smr_tre_tpm *port = context;

	SMR_TRY(port->health);
	memcpy(key, port->history.unbound ? port->secrets.unbound_key : port->secrets.key, SMR_AEAD_KEY_LEN);
	port->history.unbound = false;
	return SMR_OK;
}

static enum smr_err read_tamper(void *context, uint32_t *events)
{
	return smr_tre_place_tamper(&((const struct smr_tre_tpm *)context)->place, events);
}

static enum smr_err prepare(void *context, uint32_t number, uint32_t pcrs, const uint8_t measurement[SMR_HASH_LEN])
{
	struct smr_tre_tpm *port = context;
	uint64_t lowest = 0;

	SMR_TRY(port->health);
	if (pcrs != port->pcrs)
		return SMR_E_INVALID;
	SMR_TRY(smr_tpm_version_read(port->tpm, &lowest));
	if (number < lowest)
		return SMR_E_SERIAL;
	return smr_tre_vault_prepare(&port->vault, measurement);
}

struct smr_tre_port smr_tre_tpm_port(struct smr_tre_tpm *port)
{
	static const struct smr_tre_keys keys = {create_keys, load_keys, attest, agree, endorse, activate};

	return (struct smr_tre_port){
		.context = port,
		.store = store_record,
		.load = load_record,
		.counter_read = read_counter,
		.counter_advance = advance_counter,
		.storage_key = give_storage_key,
		.measurement = give_measurement,
		.tamper = read_tamper,
		.prepare = prepare,
		.term = give_term,
		.keys = &keys,
	};
}

/* ---- life ---- */

/** Is it something that stays so until somebody acts? Then the TRE serves the question for its state, and says so. */
static bool is_health(enum smr_err err)
{
	return err == SMR_E_MEASUREMENT || err == SMR_E_TPM_CLEARED || err == SMR_E_TAMPERED || err == SMR_E_EXISTS;
}

static enum smr_err open_history(struct smr_tre_tpm *port)
{
	struct smr_space file = {port->file, sizeof(port->file)};
	enum smr_err err = smr_tre_place_load(&port->place, &file);

	port->history = smr_tre_history_of(port->tpm, &port->secrets);
	if (err == SMR_E_NOT_FOUND ||
	    err == SMR_E_TAMPERED) { /* what is too long for a record is none: the engine says so */
		file.len = 0;
		err = SMR_OK;
	}
	if (err == SMR_OK)
		err = smr_tre_history_open(&port->history, smr_bytes_of(file.ptr, file.len));
	if (err != SMR_OK)
		SMR_WIPE(port->secrets);
	return err;
}

static enum smr_err open_tpm(struct smr_tre_tpm *port, const char *dir, const char *tcti, struct smr_problem *problem)
{
	char words[SMR_PROBLEM_MAX];
	enum smr_err err;

	SMR_TRY(smr_tpm_open(&port->tpm, tcti, problem));
	err = smr_tpm_start_id(port->tpm, port->start);
	if (err == SMR_OK)
		err = smr_tre_vault_open(&port->vault, port->tpm, port->pcrs, dir);
	if (err == SMR_OK)
		err = smr_tre_vault_take(&port->vault, !smr_fs_exists(port->place.record_path), &port->secrets);
	if (err == SMR_OK)
		err = open_history(port);
	if (err == SMR_OK || is_health(err)) {
		port->health = err;
		return SMR_OK;
	}
	smr_tre_tpm_explain(err, dir, words, sizeof(words));
	return smr_problem(problem, err, "%s: %s", smr_err_text(err), words);
}

enum smr_err smr_tre_tpm_open(struct smr_tre_tpm *port, const char *dir, const char *tcti, uint32_t pcrs,
			      struct smr_problem *problem)
{
	enum smr_err err;

	*port = (struct smr_tre_tpm){.pcrs = pcrs};
	err = smr_tre_place_open(&port->place, dir, problem);
	if (err == SMR_OK)
		err = open_tpm(port, dir, tcti, problem);
	if (err != SMR_OK)
		smr_tre_tpm_close(port);
	return err;
}

void smr_tre_tpm_close(struct smr_tre_tpm *port)
{
	smr_tre_place_close(&port->place);
	smr_tpm_close(port->tpm);
	smr_tre_vault_close(&port->vault);
	smr_wipe(port, sizeof(*port));
	port->place.lock_fd = -1;
}

/* What makes room for another directory; the index is SMR_TPM_INDEX_COUNTER. */
#define ENROL_ANEW \
	"remove the TPM's counter (tpm2_nvundefine -C o 0x1805301) and have the supplier enrol the device anew"

void smr_tre_tpm_explain(enum smr_err health, const char *dir, char *words, size_t room)
{
	const char *advice = smr_tpm_advice(health);

	switch (health) {
	case SMR_E_ROLLBACK:
		(void)snprintf(words, room,
			       "%s holds an older record than the TPM's counter says, or one of another life of a "
			       "copied TPM: put the newest record back; when "
			       "it is lost, move the directory away, " ENROL_ANEW,
			       dir);
		break;
	case SMR_E_TAMPERED:
		(void)snprintf(words, room,
			       "record or storage.sealed in %s was altered, exchanged or removed: put both back as "
			       "they were; when they are lost, move the directory away, " ENROL_ANEW,
			       dir);
		break;
	case SMR_E_EXISTS:
		(void)snprintf(
			words, room,
			"the TPM serves another directory than %s: put that one here; when it is lost, " ENROL_ANEW,
			dir);
		break;
	default:
		(void)snprintf(words, room, "%s", advice != NULL ? advice : "repair the cause and restart");
		break;
	}
}
