/* SPDX-License-Identifier: Apache-2.0 */
#include "auc/judge.h"

#include <stdio.h>

#include "sys/log.h"

/** Is the record about this subscription, and is the receipt about what the record says? A record that is not says nothing about
 * the subscription that we have. */
static enum smr_err match(const struct smr_auc_subscription *s, const struct smr_evidence_record *record)
{
	bool install = record->receipt.kind == SMR_RECEIPT_INSTALL;

	if (memcmp(&s->eid, &record->eid, sizeof(s->eid)) != 0)
		return SMR_E_NOT_ADDRESSEE;
	if (record->receipt.kind == SMR_RECEIPT_NONE)
		return record->serial == s->serial ? SMR_OK : SMR_E_SERIAL;
	if (memcmp(&record->receipt.iccid, &record->iccid, sizeof(record->iccid)) != 0 ||
	    record->receipt.serial != record->serial)
		return SMR_E_MALFORMED;
	if (!install && record->evidence.len > 0) /* only an installation is proved by evidence */
		return SMR_E_MALFORMED;
	return !install || record->serial == s->serial ? SMR_OK : SMR_E_SERIAL;
}

static enum smr_err verify_evidence(const struct smr_auc_subscription *s, const struct smr_evidence_record *record,
				    struct smr_relayed *relayed)
{
	struct smr_pubkey d = {0};
	enum smr_err err;

	if (record->evidence.len == 0)
		return SMR_E_TRUNCATED;
	err = smr_pubkey_import(&d, SMR_ARRAY(s->d));
	if (err == SMR_OK)
		err = smr_evidence_verify_relayed(record->evidence, record->e, record->q, &d, s->platform, relayed);
	smr_pubkey_wipe(&d);
	if (err == SMR_OK && memcmp(&relayed->evidence.eid, &s->eid, sizeof(s->eid)) != 0)
		err = SMR_E_NOT_ADDRESSEE;
	return err;
}

static enum smr_err verify_install_mac(const struct smr_auc_subscription *s, const struct smr_receipt *receipt,
				       const uint8_t hash_ev[SMR_HASH_LEN])
{
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	SMR_TRY(smr_receipt_install_mac(smr_bytes_of(s->aka.k, s->aka.k_len), &s->eid, &s->iccid, s->serial, s->hash_x,
					hash_ev, mac));
	return smr_equal_ct(mac, receipt->mac, sizeof(mac)) ? SMR_OK : SMR_E_MAC;
}

/** Not on the supplier's list; or there is no list yet, and so nothing to judge by. */
static enum smr_err judge_measurement(struct smr_auc_db *db, const struct smr_auc_subscription *s,
				      const struct smr_relayed *relayed)
{
	uint8_t state[SMR_HASH_LEN];
	enum smr_err err = smr_evidence_state(&relayed->evidence, s->platform, &relayed->quote, state);

	if (err == SMR_OK)
		err = smr_auc_db_approved(db, s->supplier, state);

	if (err == SMR_E_MEASUREMENT && smr_auc_db_has_references(db, s->supplier) == SMR_E_NOT_FOUND)
		return SMR_E_NOT_FOUND;
	return err;
}

/** All that has to hold before the network may authenticate this subscription. */
static enum smr_err judge_install(struct smr_auc_db *db, const struct smr_auc_subscription *s,
				  const struct smr_evidence_record *record)
{
	struct smr_relayed relayed;

	/* Whatever it proves: the operator has taken it back, and the device may have had it on its way. */
	if (record->receipt.result != 0 || s->state == SMR_AUC_WITHDRAWN)
		return SMR_E_STATE;
	/* A repetition from an RO that lost the evidence with its store: judged long ago, and nothing changes. */
	if (s->state == SMR_AUC_ACTIVE && record->evidence.len == 0)
		return SMR_OK;
	SMR_TRY(verify_evidence(s, record, &relayed));
	SMR_TRY(judge_measurement(db, s, &relayed));
	if (relayed.evidence.tamper != 0)
		return SMR_E_TAMPERED;
	SMR_TRY(verify_install_mac(s, &record->receipt, relayed.hash_ev));
	return smr_auc_db_seen(db, &s->iccid, relayed.evidence.ctr);
}

static bool is_of(const struct smr_auc_subscription *s, const struct smr_iccid *iccid, uint64_t serial)
{
	return serial == s->serial && memcmp(iccid, &s->iccid, sizeof(*iccid)) == 0;
}

/** Does this evidence say that the device does not hold the subscription? Evidence from before the installation says nothing about
 * what came after it: a dishonest RO may have kept it. */
static enum smr_err judge_missing(struct smr_auc_db *db, const struct smr_auc_subscription *s,
				  const struct smr_evidence_record *record)
{
	struct smr_relayed relayed;
	const struct smr_evidence *ev = &relayed.evidence;
	char why[96];

	SMR_TRY(verify_evidence(s, record, &relayed));
	if (ev->ctr <= s->ctr)
		return SMR_E_COUNTER;
	if (ev->failed && is_of(s, &ev->failed_iccid, ev->failed_serial)) {
		snprintf(why, sizeof(why), "the device could not install it: %s",
			 smr_err_text((enum smr_err)ev->failed_reason));
	} else {
		if (ev->have && is_of(s, &ev->have_iccid, ev->have_serial))
			return SMR_E_STATE;
		snprintf(why, sizeof(why), "the device does not hold it any more");
	}
	SMR_TRY(smr_auc_db_seen(db, &s->iccid, ev->ctr));
	SMR_TRY(smr_auc_db_lost(db, &s->iccid, why));
	return smr_auc_db_judged(db, &s->iccid, SMR_AUC_REJECTED, why);
}

static enum smr_err judge_command(const struct smr_auc_subscription *s, const struct smr_receipt *receipt)
{
	enum smr_mcim_state state = s->suspended ? SMR_MCIM_SUSPENDED : SMR_MCIM_ACTIVATED;
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	/* The MAC covers the state that was commanded: known for the last command alone, and only that one matters. */
	if (receipt->serial != s->state_serial)
		return SMR_E_SERIAL;
	SMR_TRY(smr_receipt_command_mac(smr_bytes_of(s->aka.k, s->aka.k_len), &s->eid, &s->iccid, receipt->serial,
					state, receipt->result, mac));
	return smr_equal_ct(mac, receipt->mac, sizeof(mac)) ? SMR_OK : SMR_E_MAC;
}

static enum smr_err apply(struct smr_auc_db *db, const struct smr_evidence_record *record, enum smr_err judged)
{
	if (record->receipt.kind == SMR_RECEIPT_NONE)
		return SMR_OK; /* noted while it was judged; one that does not hold says nothing */
	if (record->receipt.kind == SMR_RECEIPT_COMMAND)
		return judged == SMR_OK ? smr_auc_db_receipt(db, &record->iccid, record->serial, record->receipt.result)
					: SMR_OK;
	if (judged == SMR_OK)
		return smr_auc_db_judged(db, &record->iccid, SMR_AUC_ACTIVE, "");
	return smr_auc_db_judged(db, &record->iccid, SMR_AUC_REJECTED, smr_err_text(judged));
}

static enum smr_err judge_receipt(struct smr_auc_db *db, const struct smr_auc_subscription *s,
				  const struct smr_evidence_record *record)
{
	if (record->receipt.kind == SMR_RECEIPT_INSTALL)
		return judge_install(db, s, record);
	if (record->receipt.kind == SMR_RECEIPT_NONE)
		return judge_missing(db, s, record);
	return judge_command(s, &record->receipt);
}

static const char *event_of(enum smr_receipt_kind kind)
{
	switch (kind) {
	case SMR_RECEIPT_INSTALL:
		return "subscription.activated";
	case SMR_RECEIPT_COMMAND:
		return "command.receipted";
	case SMR_RECEIPT_NONE:
		break;
	}
	return "subscription.missing";
}

static void note(const struct smr_evidence_record *record, enum smr_err err)
{
	char iccid[SMR_ICCID_TEXT];

	smr_iccid_text(&record->iccid, iccid);
	if (err == SMR_OK)
		smr_log(record->receipt.kind == SMR_RECEIPT_NONE ? SMR_LOG_WARN : SMR_LOG_INFO,
			event_of(record->receipt.kind), "iccid=%s", SMR_ID(iccid));
	else
		smr_log_error(SMR_LOG_WARN, "evidence.rejected", err, SMR_ID(iccid));
}

/** Our own trouble is no reason to reject: a rejection makes the operator seal anew. That the subscription or the supplier's list has not been
 * loaded yet is our trouble too. */
static bool is_ours(enum smr_err err)
{
	return smr_err_class(err) == SMR_CLASS_LIMIT || smr_err_class(err) == SMR_CLASS_LATER;
}

enum smr_err smr_auc_judge(struct smr_auc_db *db, const struct smr_evidence_record *record,
			   enum smr_ack_verdict *verdict)
{
	struct smr_auc_subscription s;
	enum smr_err err = smr_auc_db_by_iccid(db, &record->iccid, &s);
	bool matched = false;

	if (err == SMR_E_TAMPERED)
		err = SMR_E_IO; /* our row does not open (the wrong master key, say): nothing that the device did */
	if (err == SMR_OK)
		err = match(&s, record);
	if (err == SMR_OK) {
		matched = true;
		err = judge_receipt(db, &s, record);
	}
	smr_auc_subscription_wipe(&s);
	if (is_ours(err))
		return err;
	*verdict = err == SMR_OK ? SMR_ACK_ACCEPTED : SMR_ACK_REJECTED;
	note(record, err);
	return matched ? apply(db, record, err) : SMR_OK;
}
