# SPDX-License-Identifier: Apache-2.0
"""Does the second implementation notice a program that speaks a dialect? Each mutant of samara-tre or samarad departs from docs/protocol.md in one
thing, the same when it reads and when it writes; the named test of test_oracle_server.py or test_oracle_device.py, which passes with the real program,
has to fail with it."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import mutants  # noqa: E402

K1 = "Request.test_first_contact_says_no_more_than_it_has_to"
M2 = "Answer.test_ticket_alone_and_beacon_alone"
MALFORMED = "Answer.test_malformed_content_under_the_right_keys_is_refused_and_costs_nothing"
RENEWED = "CheckIn.test_ticket_is_renewed_and_knows_of_the_receipt"
SPARE = "CheckIn.test_request_is_repeated_four_times_then_the_spare_ticket_serves"
AGAIN = "CheckIn.test_same_request_is_answered_again_with_a_fresh_r"
# (name, file, old text, new text, test that notices)
OF_TRE = [
    ("label-of-k1", "core/m1.c", '"k1"', '"k2"', K1),
    ("salt-of-k1", "core/m1.c", '"samara1 flight"', '"samara2 flight"', K1),
    ("label-of-m2", "core/m2.c", '"m2", &context', '"m3", &context', M2),
    ("label-prefix", "core/kdf.c", '"samara1 "', '"samara2 "', K1),
    ("longer-integers", "core/cbor.c", "if (at == NULL || value < least[info - 24]) {", "if (at == NULL) {", MALFORMED),
    ("keys-in-any-order", "core/cbor.c", "*key != SMR_KEY_NONE && !key_above(next, *key)", "false", MALFORMED),
    ("octets-after-the-end", "core/cbor.c", "return r->pos == r->len ? SMR_OK : SMR_E_MALFORMED;", "return SMR_OK;", MALFORMED),
    ("refusals-of-two-octets", "core/answer.c", "REFUSAL_MAX 255u", "REFUSAL_MAX 65535u", MALFORMED),
    ("counter-not-stepped-ahead", "tre/flight.c", "\t\treturn step_ahead(tre);\n", "\t\treturn SMR_OK;\n", "Answer.test_every_refusal_is_told_and_ends_the_flight"),
    ("beacon-not-repeated", "tre/flight.c", "ev->fresh_kind = SMR_FRESH_BEACON;", "ev->fresh_kind = SMR_FRESH_NONE;",
     "Request.test_beacon_of_an_answer_is_in_the_next_evidence"),
    ("beacon-that-is-older", "tre/keys.c", "beacon->number > draft->beacon.number", "beacon->number != 0",
     "Request.test_beacon_that_is_not_newer_than_the_one_it_has_changes_nothing"),
    ("mac-of-17th-octet", "core/receipt.c", "memcpy(out, mac, SMR_RECEIPT_MAC_LEN);", "memcpy(out, mac + 1, SMR_RECEIPT_MAC_LEN);",
     "CheckIn.test_install_receipt_is_reported_until_it_is_taken_over"),
    ("five-repetitions", "tre/checkin.c", "resends < SMR_TRE_RESENDS_MAX", "resends < SMR_TRE_RESENDS_MAX + 1", SPARE),
    ("label-of-the-next-keys", "core/c2.c", '"rk", &context', '"rq", &context', SPARE),
    ("tamper-0-in-a-report", "core/c1.c", "1u + (report->receipt_count != 0) + (report->tamper != 0)", "2u + (report->receipt_count != 0)",
     "CheckIn.test_nothing_to_report"),
    ("flight-key-that-never-was", "core/flight_key.c", "\tif (key.number == 0 || key.not_after <= key.not_before)\n", "\tif (false)\n",
     "Objects.test_content_that_breaks_a_rule_is_refused_under_a_good_signature"),
]
OF_SERVER = [
    ("label-of-c1", "core/c1.c", 'smr_kdf_with(rk, "c1"', 'smr_kdf_with(rk, "c0"', RENEWED),
    ("counter-first-in-the-nonce", "core/c1.c", "nonce + SMR_AEAD_NONCE_LEN - CTR_LEN", "nonce", RENEWED),
    ("label-of-c2", "core/c1.c", 'smr_kdf_with(rk, "c2"', 'smr_kdf_with(rk, "c3"', AGAIN),
    ("r-not-fresh", "core/c2.c", "enum smr_err err = smr_random(out->r, sizeof(out->r));", "enum smr_err err = SMR_OK;\n\tmemset(out->r, 7, sizeof(out->r));", AGAIN),
    ("ticket-nonce-not-fresh", "core/ticket.c", "\tSMR_TRY(smr_random(clear + ID_LEN, CLEAR_LEN - ID_LEN));\n",
     "\tmemset(clear + ID_LEN, 7, CLEAR_LEN - ID_LEN);\n", RENEWED),
    ("ticket-key-without-its-id", "core/ticket.c", "{SMR_ARRAY(id), smr_bytes_of(&number, sizeof(number))}", "{smr_bytes_of(&number, sizeof(number))}", RENEWED),
    ("receipt-not-in-the-ticket", "server/checkin.c", "ticket.state |= SMR_TICKET_INSTALLED;", ";", RENEWED),
    ("anything-for-a-certificate", "core/m1.c", "\t\tSMR_TRY(check_certificate(m1->certificate));\n", "\t\t;\n",
     "Malformed.test_what_stands_around_the_evidence"),
    ("longer-integers", "core/cbor.c", "if (at == NULL || value < least[info - 24]) {", "if (at == NULL) {", "Malformed.test_report"),
]
PROGRAMS = {"samara-tre": (OF_TRE, "test_oracle_server.py"), "samarad": (OF_SERVER, "test_oracle_device.py")}


def real(program):
    return os.path.abspath(os.path.join(mutants.BUILD, mutants.PROGRAMS[program]))


class Dialects(unittest.TestCase):
    def run_with(self, program, path, test):
        """The end of that test with this program in the place of the real one: its exit code and what it says."""
        with tempfile.TemporaryDirectory(prefix="samara-dialect-") as build:
            for name in ("samara", "samarad", "samara-auc", "samara-tre", "samara-launch", "samara-m2me"):
                os.makedirs(os.path.join(build, os.path.dirname(mutants.PROGRAMS[name])), exist_ok=True)
                os.symlink(path if name == program else real(name), os.path.join(build, mutants.PROGRAMS[name]))
            done = subprocess.run([sys.executable, os.path.join(HERE, PROGRAMS[program][1]), test], capture_output=True, text=True, timeout=100,
                                  env={**os.environ, "SAMARA_BUILD": build}, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stderr

    def notices(self, program):
        for name, path, old, new, test in PROGRAMS[program][0]:
            with self.subTest(name):
                mutant = mutants.Mutant(f"dialect-{program}-{name}", name, (program,), ((path, old, new),))
                code, said = self.run_with(program, mutants.make(mutants.BUILD, mutant)[program], test)
                self.assertEqual(code, 1, said)
                self.assertRegex(said, r"FAILED \((failures|errors)=")

    def test_real_programs_pass(self):
        """In the same place and called the same way; all tests of the two files are run against the real programs anyway."""
        for program, (dialects, _) in PROGRAMS.items():
            code, said = self.run_with(program, real(program), dialects[0][4])
            self.assertEqual(code, 0, said)

    def test_each_dialect_of_a_tre_is_noticed(self):
        self.notices("samara-tre")

    def test_each_dialect_of_a_server_is_noticed(self):
        self.notices("samarad")


if __name__ == "__main__":
    unittest.main()
