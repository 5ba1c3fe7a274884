# SPDX-License-Identifier: Apache-2.0
"""Mutants whose missing check is in the server, the AuC, or a party's command line. The names are those of proofs/README.md; the last six take out
what S1, S2, S5, S6 and S10 rest on and no model has as a field."""
from mutants import Mutant

NO_SIGNATURE = (("server/flight.c", "err = smr_evidence_verify(&item->m1, &known.d, known.platform);", ";"),)

# Whatever was quoted: the approved set is taken for it.
QUOTES_8_AND_9 = ("core/evidence.c", "return smr_tpm_state(quote->pcrs, evidence->measurement, out);",
                  "(void)quote;\n\treturn smr_tpm_state(0x300, evidence->measurement, out);")

COUNTER_NOT_STRICT = (
    ("core/rules.c", "if (ctr == 0 || ctr < row->ctr)", "if (ctr == 0)"),
    ("core/rules.c", "? CONTACT_RESEND : CONTACT_STALE;", "? CONTACT_RESEND : CONTACT_NEW;"),
    ("core/rules.c", "return ctr - row->ctr <= SMR_CTR_JUMP_MAX ?", "return ctr <= row->ctr + SMR_CTR_JUMP_MAX ?"),
)

NO_ROW = (
    ("core/rules.c", "if (contact == CONTACT_STALE)\n\t\treturn unchanged(row, SMR_REFUSAL_COUNTER);\n", ""),
    ("core/rules.c", "if (contact == CONTACT_RESEND)\n\t\treturn v; /* answered, counts nothing */\n", ""),
)

FIRST_KEY_COUNTS = (
    ("auc/db.c", "\treturn insert(db, record, sqn, old->suspended, old->state_serial);",
     "\tstruct smr_subscription_record kept = *record;\n\tmemcpy(kept.d, old->d, sizeof(kept.d));\n"
     "\treturn insert(db, &kept, sqn, old->suspended, old->state_serial);"),
)

RECEIPT_WITHOUT_X_AND_SERIAL = (
    ("core/receipt.c", "smr_put_uint(&w, serial);\n\tsmr_put_bytes(&w, smr_bytes_of(hash_x, SMR_HASH_LEN));", "smr_put_null(&w);\n\tsmr_put_null(&w);"),
)

HASH_EV_WITHOUT_POINTS = (
    ("core/evidence.c", "*out = relayed;",
     "SMR_TRY(smr_cose_hash(SMR_LABEL_EVIDENCE, SMR_NONE, attested.ev, relayed.hash_ev));\n\t*out = relayed;"),
)

ANY_SUPPLIER = (
    ("file/party.c", "err = smr_party_find(party, role, smr_file_reader_info(reader)->sender, &card, problem);",
     "memset(&card, 0, sizeof(card));"),
)

MUTANTS = [
    Mutant("flight_without_signature", "sign_d", ("samarad",), NO_SIGNATURE),
    Mutant("flight_lineage_without_signature", "sign_d", ("samarad",), NO_SIGNATURE),
    Mutant("flight_signature_without_E", "E and Q as external data of sign_d", ("samarad",),
           (("core/evidence.c", "SMR_TRY(smr_evidence_hash(m1->attested.ev, m1->e, m1->q, hash));",
             "SMR_TRY(smr_cose_hash(SMR_LABEL_EVIDENCE, SMR_NONE, m1->attested.ev, hash));"),)),
    Mutant("flight_tpm_plain_signature", "that a device with a TPM is believed a quote alone", ("samarad",),
           (("core/evidence.c", "if (attestation->quoted != (platform == SMR_PLATFORM_TPM))\n\t\treturn SMR_E_SIGNATURE;\n", "(void)platform;\n"), QUOTES_8_AND_9)),
    Mutant("flight_tpm_pcrs_not_bound", "the set of PCRs in what is approved", ("samarad",), (QUOTES_8_AND_9,)),
    Mutant("flight_tpm_quote_without_hash_ev", "hash(ev) as the quote's qualifying data", ("samarad",),
           (("core/evidence.c", "return smr_tpm_quote_verify(d, &attestation->quote, hash, measurement, attestation->sig);",
             "return smr_tpm_quote_verify(d, &attestation->quote, (const uint8_t[SMR_HASH_LEN]){0}, measurement, attestation->sig);"),)),
    Mutant("flight_counter_not_strict", "«greater» in the counter's check", ("samarad",), COUNTER_NOT_STRICT),
    Mutant("flight_epoch_key_kept", "erasing the epoch key's q", ("samarad",),
           (("store/keys.c", "return key->key.kind == SMR_FLIGHT_KEY_EPOCH && key->key.not_after <= now;", "return false;"),)),
    Mutant("checkin_without_row", "the row per (EID, ctr)", ("samarad",), NO_ROW),
    Mutant("checkin_without_lineage_expiry", "lineage expiry", ("samarad",),
           (("core/ticket.c", "age > 0 && (uint32_t)age > lifetime;", "age > 0 && lifetime == 0;"),)),
    Mutant("checkin_ticket_claims_younger_flight", "«not younger than its key»", ("samarad",),
           (("core/ticket.c", "smr_tk_age(ticket->flight_epoch, smr_tk_epoch(tk_id)) < 0 || ", ""),)),
    Mutant("checkin_without_lineage_row", "lineage against the row", ("samarad",),
           (("core/rules.c", "row->lineage == 0 || ticket->lineage != row->lineage ||", "row->lineage == 0 ||"),)),
    Mutant("operator_without_measurement", "the operator's own appraisal", ("samara-auc",),
           (("auc/judge.c", "SMR_TRY(judge_measurement(db, s, &relayed));", ""),)),
    Mutant("operator_without_signature", "the operator's check of sign_d", ("samara-auc",),
           (("core/evidence.c", "SMR_TRY(verify(&attested.attestation, relayed.hash_ev, relayed.evidence.measurement, d, platform));", "(void)platform;"),)),
    Mutant("operator_without_receipt", "the receipt", ("samara-auc",),
           (("auc/judge.c", "SMR_TRY(verify_install_mac(s, &record->receipt, relayed.hash_ev));", ""),)),
    Mutant("renewed_evidence_of_any_enrolment", "the D that was sealed for", ("samara-auc",), FIRST_KEY_COUNTS),
    Mutant("receipt_without_hash_ev", "hash(ev) in the install receipt", ("samara-auc",),
           (("core/receipt.c", "smr_put_bytes(&w, smr_bytes_of(hash_ev, SMR_HASH_LEN));", "smr_put_null(&w);"),)),
    Mutant("receipt_hash_ev_without_E_Q", "E and Q in hash(ev)", ("samara-auc",), HASH_EV_WITHOUT_POINTS),
    Mutant("receipt_without_hash_x_and_serial", "hash(X) and serial in the install receipt", ("samara-auc",), RECEIPT_WITHOUT_X_AND_SERIAL),
    Mutant("datagram_without_tag", "the tag of the AEAD", ("samarad",),
           (("crypto/openssl/gcm.c", "return finish(gcm, ctx) ? SMR_OK : SMR_E_UNOPENED;", "(void)finish(gcm, ctx);\n\treturn SMR_OK;"),)),
    Mutant("file_without_signature", "the signature at a file's end", ("samarad",),
           (("file/reader.c", "err = smr_cose_verify_detached(&sender, SMR_LABEL_FILE, SMR_NONE, payload, sig);", "(void)sig;"),)),
    Mutant("seal_for_any_supplier", "that the SHO knows the supplier whose shipment names T", ("samara",), ANY_SUPPLIER),
    Mutant("package_kept_after_receipt", "overwriting X when its receipt is accepted", ("samarad",),
           (("store/effects.c", "out->purge_x = grip->has_x && (change->purge_x || change->state == SMR_ROW_RESEAL);", "out->purge_x = false;"),)),
    Mutant("row_without_revision", "that a change is for the row it was judged by", ("samarad",),
           (("store/sqlite/commit.c", "smr_query_step(&q) && smr_column_int(&q, 0) == change->revision;", "smr_query_step(&q);"),)),
    Mutant("row_without_tpm_clock", "the TPM's clock against the row", ("samarad",),
           (("core/rules.c", "if (!now->known || !row->tpm.known || contact == CONTACT_RESEND)", "if (contact != CONTACT_STALE)"),)),
    Mutant("row_without_tpm_lineage", "the flight that a device with a TPM had its ticket from", ("samarad",),
           (("core/rules.c", "if (row->ctr > flight_ctr && evidence->lineage < row->lineage)\n\t\treturn true;\n", ""),)),
    Mutant("worker_commits_what_it_has", "nothing: a loaded worker does not receive on into its batch", ("samarad",),
           (("server/worker.c", "while (more && wants_more(w, b)) {", "while (more && wants_more(w, b) && false) {"),), control=True),
    Mutant("row_for_any_operator", "that a live row is its operator's alone", ("samara",),
           (("core/rules.c", "return is_live(row->state) ? SMR_E_STATE : SMR_OK;", "return SMR_OK;"),)),
]
