# SPDX-License-Identifier: Apache-2.0
"""Mutants whose missing check is in the TRE, or in what the TRE verifies. The names are those of the rows in proofs/README.md.

A mutant that changes what is sent is built into both ends; where the other end is the test itself, the test leaves the same thing out."""
from mutants import Mutant

TRE = ("samara-tre",)


def without(path, old, new=""):
    return ((path, old, new),)


# ---- the flight's keys ----

IKM = "{smr_bytes_of(dh_eq, SMR_DH_LEN), smr_bytes_of(dh_ef->octets, SMR_DH_LEN)};"
K2_WITHOUT_EQ = without("core/m2.c", IKM, "{smr_bytes_of(dh_ef->octets, SMR_DH_LEN)};")
K2_WITHOUT_EF = without("core/m2.c", IKM, "{smr_bytes_of(dh_eq, SMR_DH_LEN)};")
CLOSE_FLIGHT = "\tif (tre->flight_open)\n\t\tsmr_flight_wipe(&tre->flight);\n\ttre->flight_open = false;"

# A platform whose measured state changes while the TRE runs: here once its tamper file appears, which is no event then.
CHANGING_PLATFORM = without("tre/linux/port.c", "\tmemcpy(out, port->measurement, SMR_HASH_LEN);\n",
                            "\tmemcpy(out, port->measurement, SMR_HASH_LEN);\n\tif (smr_fs_exists(port->place.tamper_path))\n\t\tout[0] ^= 1;\n") + \
    without("tre/linux/port.c", "\treturn smr_tre_place_tamper(&((const struct smr_tre_linux *)context)->place, events);",
            "\t(void)context;\n\t*events = 0;\n\treturn SMR_OK;")
STAYS_OPEN = without("tre/engine.c", "\t\tsmr_tre_close_flight(tre);\n\t\tmemcpy(tre->measurement, measurement",
                     "\t\tmemcpy(tre->measurement, measurement")

# M1 with one more item, the EID in clear.
EID_OUTSIDE = without("core/m1.c", "\treturn seal(q_number, points, &plain, m1, flight);", """
	SMR_TRY(seal(q_number, points, &plain, m1, flight));
	m1->ptr[0] = 0x85;
	m1->ptr[m1->len++] = 0x50;
	memcpy(m1->ptr + m1->len, evidence->eid.octets, SMR_EID_LEN);
	m1->len += SMR_EID_LEN;
	return SMR_OK;""")

# ---- W and X ----

W_HEAD = "\tsmr_put_array(&w, 5);\n\tsmr_put_bytes(&w, smr_eid_bytes(&b->eid));\n"
X_HEAD = "\tsmr_put_array(&w, 4);\n\tsmr_put_bytes(&w, SMR_ARRAY(b->operator_key));\n\tsmr_put_bytes(&w, smr_eid_bytes(&b->eid));\n"
W_HASH_X = "\tSMR_TRY(smr_sha256(&x, 1, hash));\n\tsmr_put_bytes(&w, SMR_ARRAY(hash));\n"
W_ORDER = ("\tif (order.len == 0) {\n\t\tsmr_put_null(&w);\n\t} else {\n\t\tSMR_TRY(smr_order_hash(order, hash));\n"
           "\t\tsmr_put_bytes(&w, SMR_ARRAY(hash));\n\t}\n")
W_OF_FOUR = without("core/mcim.c", "smr_put_array(&w, 5);", "smr_put_array(&w, 4);")
W_WITHOUT_ORDER = W_OF_FOUR + without("core/mcim.c", W_ORDER)
W_AND_X_WITHOUT_EID = without("core/mcim.c", W_HEAD, "\tsmr_put_array(&w, 4);\n") + \
    without("core/mcim.c", X_HEAD, "\tsmr_put_array(&w, 3);\n\tsmr_put_bytes(&w, SMR_ARRAY(b->operator_key));\n")
X_WITHOUT_OPERATOR = without("core/mcim.c", X_HEAD, "\tsmr_put_array(&w, 3);\n\tsmr_put_bytes(&w, smr_eid_bytes(&b->eid));\n")

# ---- the check-in ----

REQUEST_WITHOUT_CTR = without("core/c1.c", "\tmemcpy(nonce + SMR_AEAD_NONCE_LEN - CTR_LEN, ctr, CTR_LEN);\n")
CTR_IN_CLEAR = without("core/c1.c", "in[i] ^ mask[i]", "in[i] ^ (mask[i] & 0)")
RESPONSE_WITHOUT_HASH = without("core/c1.c", 'smr_kdf_with(rk, "c2", &context, 1,', 'smr_kdf_with(rk, "c2", NULL, 0,')
RESPONSE_WITHOUT_R = without("core/c2.c", "keys->response_key, r,", "keys->response_key, smr_nonce_zero,")
TICKET_WITHOUT_NONCE = without("core/ticket.c", "\tSMR_TRY(smr_random(clear + ID_LEN, CLEAR_LEN - ID_LEN));\n",
                               "\tmemset(clear + NONCE_AT, 0, SMR_AEAD_NONCE_LEN);\n\tSMR_TRY(smr_random(clear + ID_LEN, 1));\n")
SPARE_LIKE_NEXT = without("core/c2.c", "memcpy(spare_rk, both.octets + SMR_RK_LEN, SMR_RK_LEN);", "memcpy(spare_rk, both.octets, SMR_RK_LEN);")
STATIC_LABEL = without("tre/checkin.c", "\tdraft->pending.c1_len = room.len;", """
	memcpy(room.ptr + room.len, draft->eid.octets, SMR_EID_LEN);
	draft->pending.c1_len = room.len + SMR_EID_LEN;""")

# ---- commands and receipts ----

OPEN_COMMAND = "\tSMR_TRY(open_command(mcim, encoded, &command));\n"
ANY_SIGNER = """
	enum smr_err signed_by_any = SMR_E_SIGNATURE;
	for (size_t i = 0; i < draft->anchor_count && signed_by_any != SMR_OK; i++) {
		struct smr_tre_mcim signer = {0};

		memcpy(signer.operator_key, draft->anchors[i], sizeof(signer.operator_key));
		signed_by_any = open_command(&signer, encoded, &command);
	}
	SMR_TRY(signed_by_any);
"""
JUDGE = "\tSMR_TRY(judge(draft, memory, mcim, &command));\n"
SECOND_RECEIPT = """
	enum smr_err judged = judge(draft, memory, mcim, &command);
	if (judged != SMR_OK) {
		struct smr_receipt refused = {SMR_RECEIPT_COMMAND, mcim->iccid, command.serial, (uint32_t)judged, {0}};
		struct smr_bytes k = smr_bytes_of(mcim->content.aka.k, mcim->content.aka.k_len);

		SMR_TRY(smr_receipt_command_mac(k, &draft->eid, &mcim->iccid, command.serial, command.state,
						refused.result, refused.mac));
		smr_tre_queue_receipt(draft, &refused);
		return judged;
	}
"""
COMMAND_SERIALS = """	if (command->serial < memory->command_serial)
		return SMR_E_SERIAL;
	if (command->serial == memory->command_serial && command->state != mcim->state)
		return SMR_E_SERIAL;
"""
COMMAND_EID = "\tif (memcmp(&command->eid, &draft->eid, sizeof(draft->eid)) != 0)\n\t\treturn SMR_E_NOT_ADDRESSEE;\n"
COMMAND_MAC = """	smr_put_array(&w, 5);
	smr_put_bytes(&w, smr_eid_bytes(eid));
	smr_put_bytes(&w, smr_iccid_bytes(iccid));
	smr_put_uint(&w, serial);
	smr_put_uint(&w, state);
"""

MUTANTS = [
    Mutant("flight_k2_without_eq", "e·Q in k2", TRE, K2_WITHOUT_EQ),
    Mutant("flight_lineage_k2_without_eq", "e·Q in k2", TRE, K2_WITHOUT_EQ),
    Mutant("flight_k2_without_ef", "e·F in k2", ("samara-tre", "samarad"), K2_WITHOUT_EF),
    Mutant("flight_forward_secrecy_without_ef", "e·F in k2", ("samara-tre", "samarad"), K2_WITHOUT_EF),
    Mutant("flight_keeps_e", "erasing e after the run", TRE, without("tre/engine.c", CLOSE_FLIGHT, "\ttre->flight_open = false;")),
    Mutant("platform_changes", "nothing: on Linux a changed platform means a new start, here it does not", TRE, CHANGING_PLATFORM, control=True),
    Mutant("flight_keeps_e_on_state_change", "erasing e when the state changes", TRE, CHANGING_PLATFORM + STAYS_OPEN),
    Mutant("flight_key_unsigned", "the root's signature", TRE,
           without("core/flight_key.c", "\tSMR_TRY(smr_cose_verify(&object, root, SMR_LABEL_FLIGHT_KEY, SMR_NONE));\n")),
    Mutant("flight_eid_outside", "EID inside the AEAD", TRE, EID_OUTSIDE),
    Mutant("flight_handover_open", "the seal on the batch", ("samara",),
           without("cli/sho_files.c", "&f->sho->sign, about, &f->ro_kem,", "&f->sho->sign, about, NULL,") +
           without("file/frame.c", "return type == SMR_FILE_BATCH || type", "return type")),

    Mutant("flight_w_without_hash_x", "hash(X) in W", TRE, W_OF_FOUR + without("core/mcim.c", W_HASH_X)),
    Mutant("flight_w_without_order", "hash(order) in W", TRE, W_WITHOUT_ORDER),
    Mutant("w_without_order", "hash(order) in W, RO dishonest", TRE, W_WITHOUT_ORDER),
    Mutant("flight_w_and_x_without_eid", "EID in W and in the associated data of X", TRE, W_AND_X_WITHOUT_EID),
    Mutant("x_without_operator", "operator key in the associated data of X", TRE, X_WITHOUT_OPERATOR),
    Mutant("flight_without_serial_memory", "MCIM serials in the TRE", TRE,
           without("tre/install.c", "\tif (binding->serial <= memory->mcim_serial)\n\t\treturn SMR_E_SERIAL;\n")),
    Mutant("tre_without_order_check", "the owner's signature in the TRE", TRE,
           without("core/order.c", "\tSMR_TRY(smr_cose_verify(&object, owner, SMR_LABEL_ORDER, SMR_NONE));\n")),
    Mutant("tre_without_order_scope", "EID or shipment in the order", TRE,
           without("tre/install.c", "\tif (!order_covers(draft, &order))\n\t\treturn SMR_E_ORDER;\n")),
    Mutant("receipt_repeated_with_later_ev", "repeating the first receipt as it was", TRE,
           without("tre/install.c", "\tif (is_installed(live, binding)) {\n",
                   "\tif (is_installed(live, binding)) {\n\t\tmemcpy(live->hash_ev, hash_ev, sizeof(live->hash_ev));\n")),

    Mutant("checkin_response_without_hash", "hash(C1) in the response key", TRE, RESPONSE_WITHOUT_HASH),
    Mutant("checkin_spare_response_without_hash", "hash(C1) in the response key and the spare's own key", TRE, RESPONSE_WITHOUT_HASH + SPARE_LIKE_NEXT),
    Mutant("checkin_response_without_r", "r in the response's nonce", ("samarad",), RESPONSE_WITHOUT_R),
    Mutant("checkin_ticket_without_nonce", "the ticket's own nonce", ("samarad",), TICKET_WITHOUT_NONCE),
    Mutant("checkin_request_without_ctr", "ctr in the request's nonce", TRE, REQUEST_WITHOUT_CTR),
    Mutant("checkin_static_label", "one-time ticket alone on the wire", TRE, STATIC_LABEL),
    Mutant("checkin_ctr_in_clear", "the mask", TRE, CTR_IN_CLEAR),
    Mutant("checkin_keeps_rk", "erasing rk when C1 is built", TRE, without("tre/checkin.c", "\tsmr_wipe(contact, sizeof(*contact));\n")),
    Mutant("checkin_keeps_rk_on_state_change", "rk bound to the measured state (S9; no row, a property alone)", TRE,
           without("tre/checkin.c", "return smr_equal_ct(tre->now.contact_state, state, sizeof(state)) ? SMR_OK : give_up_contact(tre);", "return SMR_OK;")),
    Mutant("checkin_tpm_ticket_outlives_term", "the term in what a ticket is bound to", TRE,
           without("tre/linux/tpm_port.c", "\t\t.term = give_term,\n")),
    Mutant("checkin_spare_same_key", "the spare's own key", TRE, SPARE_LIKE_NEXT),

    Mutant("command_without_serial_memory", "command serials in the TRE", TRE, without("tre/command.c", COMMAND_SERIALS)),
    Mutant("command_without_owner_check", "signer is the MCIM's operator", TRE, without("tre/command.c", OPEN_COMMAND, ANY_SIGNER)),
    Mutant("command_without_tag", "the label of the signature: a W's is taken", TRE,
           without("core/command.c", "operator_key, SMR_LABEL_COMMAND, SMR_NONE));", "operator_key, SMR_LABEL_MCIM, SMR_NONE));")),
    Mutant("command_without_eid", "EID in the command", TRE, without("tre/command.c", COMMAND_EID)),
    Mutant("command_second_receipt", "one receipt per serial", TRE, without("tre/command.c", JUDGE, SECOND_RECEIPT)),
    Mutant("command_receipt_without_serial", "serial in the receipt", ("samara-auc",),
           without("core/receipt.c", COMMAND_MAC, COMMAND_MAC.replace("5", "4").replace("\tsmr_put_uint(&w, serial);\n", ""))),
    Mutant("command_receipt_without_state", "state in the receipt", ("samara-auc",),
           without("core/receipt.c", COMMAND_MAC, COMMAND_MAC.replace("5", "4").replace("\tsmr_put_uint(&w, state);\n", ""))),
]
