# SPDX-License-Identifier: Apache-2.0
"""The supplier's station and a real samara-tre with a TPM: what the TPM's vendor says of it is verified before the device is certified, and each lie has
words of its own. Whatever is refused is not noted as enrolled."""
import datetime
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lone_tre  # noqa: E402
from boot_rig import good  # noqa: E402
from endorse import ObjectIdentifier, Vendor, ec, endorsement_key, evict, occupy, put_certificate, serialization  # noqa: E402
from enrol_rig import ENROL_ACTIVATE, ENROL_BEGIN, ENROL_ENDORSE, SAMARA, STATE, Case, Middle  # noqa: E402
from world import eid  # noqa: E402

ATTESTATION_KEY = ObjectIdentifier("2.23.133.8.3")
DAY = datetime.timedelta(days=1)


class Endorsed(Case):
    """The certificate is the vendor's, and of this TPM."""

    def setUp(self):
        super().setUp()
        self.der = self.vendor.endorse(self.tpm)
        self.ship()
        self.tre = self.start()

    def test_certificate_goes_into_the_shipment(self):
        self.accepted()
        self.assertEqual(self.shipped()[4], self.der)
        status = good(SAMARA, "supplier", "status", "--dir", self.path("supplier"), "--number", str(self.number), "--json")
        self.assertEqual([(d["enrolled"], d["endorsed"]) for d in json.loads(status)["devices"]], [(True, True)])

    def test_whose_word_counts_has_to_be_said(self):
        self.refused(2, "give --tpm-roots FILE", "--quiet")
        self.refused(2, "give --tpm-roots FILE", "--tpm-roots", self.roots, "--unendorsed")
        self.refused(1, "missing.pem", "--tpm-roots", self.path("missing.pem"))
        done = self.enrol("--unendorsed")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.shipped()), 4)

    def test_certification_that_is_false_or_replayed_is_refused(self):
        """t may be a key in software unless d, which is in the TPM, says now that it is there too."""
        def altered(request, ask):
            answer = ask(*request)
            if request[0] == ENROL_ENDORSE:
                answer[2] = answer[2][:-1] + bytes([answer[2][-1] ^ 1])
            return answer

        def replayed(request, ask):
            return ask(ENROL_ENDORSE, bytes(32)) if request[0] == ENROL_ENDORSE else ask(*request)

        for i, tell in enumerate((altered, replayed)):
            path = self.path(f"middle-{self.number}-{i}.sock")
            with Middle(self.tre, path, tell):
                self.refused(3, "does not certify that the KEM key is in it too", socket_path=path)
        self.accepted()

    def test_tpm_of_another_device_is_refused_by_name(self):
        """One genuine TPM, cleared in between, under the names of two devices; under the first one's it may be enrolled anew."""
        self.accepted()
        first = self.number, self.eid
        self.anew()
        self.refused(3, f"device {self.eid}: its TPM (by its endorsement key) is that of device {first[1]}")
        self.number, self.eid = first
        self.accepted()

    def test_tre_that_is_enrolled_opens_no_credential(self):
        self.accepted()
        for words in ((ENROL_ENDORSE, bytes(32)), (ENROL_ACTIVATE, bytes(140))):
            self.assertEqual(self.tre.ask(*words), [lone_tre.E_STATE])


class Lies(Case):
    """The certificate is anything else. The TRE is an honest one."""

    def setUp(self):
        super().setUp()
        self.ship()
        self.key = endorsement_key(self.tpm)

    def start_with(self, der):
        put_certificate(self.tpm, der)
        self.tre = self.start()

    def test_certificate_by_an_unknown_vendor_or_in_a_known_ones_name(self):
        self.start_with(Vendor("Nobody").certificate(self.key))
        self.refused(3, "by «CN=Nobody», for whom nobody in")
        self.leave(Vendor().certificate(self.key))
        self.refused(3, "forged")
        self.leave(self.vendor.certificate(self.key))
        self.accepted()

    def test_certificate_out_of_its_time(self):
        now = datetime.datetime.utcnow()
        self.start_with(self.vendor.certificate(self.key, begin=now - 3 * DAY, end=now - 2 * DAY))
        self.refused(3, "expired on")
        self.leave(self.vendor.certificate(self.key, begin=now + 2 * DAY, end=now + 3 * DAY))
        self.refused(3, "is not valid before")

    def test_certificate_that_the_vendor_gave_out_for_something_else(self):
        self.start_with(self.vendor.certificate(self.key, usage=ATTESTATION_KEY))
        self.refused(3, "for another purpose")
        self.leave(self.vendor.certificate(ec.generate_private_key(ec.SECP384R1()).public_key()))
        self.refused(1, "another kind than ECC P-256")
        self.leave(b"\x30\x82\0\x10" + bytes(16))
        self.refused(1, "cannot be read as X.509")

    def test_certificate_of_another_tpm(self):
        """A true one, of a key that this TPM does not have; also when that TPM's platform helps, as far as it can."""
        other_tpm = self.machine("other")
        other_der = self.vendor.endorse(other_tpm)
        self.start_with(other_der)
        self.refused(3, "is that of another TPM")
        other = self.start(other_tpm)
        self.assertEqual(other.ask(ENROL_BEGIN, bytes.fromhex(eid(self.number + 500)), bytes(32))[0], 0)
        path = self.path(f"middle-{self.number}.sock")
        with Middle(self.tre, path, lambda request, ask: (other.ask if request[0] == ENROL_ACTIVATE else ask)(*request)):
            self.refused(3, "is that of another TPM", socket_path=path)

    def test_certificate_of_a_key_in_software(self):
        self.start_with(self.vendor.certificate(ec.generate_private_key(ec.SECP256R1()).public_key()))
        self.refused(3, "is that of another TPM")

    def test_tpm_without_a_certificate(self):
        self.tre = self.start()
        self.refused(1, "no endorsement certificate for ECC P-256")


class Occupied(Case):
    """Its owner has left the TPM so that the keys cannot be made."""

    def setUp(self):
        super().setUp()
        self.vendor.endorse(self.tpm)
        self.ship()
        self.tre = self.start()
        self.tre.kill()

    def test_tpm_without_places_for_the_keys(self):
        """None at first, then one, then two."""
        self.tpm.fill_up()
        places = occupy(self.tpm)
        for handle in places[:2]:
            self.tre.start()
            self.refused(1, "the TRE did not make its keys: the TPM has no non-volatile memory left: remove what nobody needs any more from the TPM")
            self.tre.kill()
            evict(self.tpm, handle)
        self.tre.start()
        self.accepted()

    def test_tpm_whose_endorsement_hierarchy_is_closed(self):
        def change_authorisation(*words):
            good("tpm2_changeauth", "-T", self.tpm.tcti, "-c", "e", *words)

        change_authorisation("owner")
        self.tre.start()
        self.refused(4, "take the value away (tpm2_changeauth -c e -p VALUE")
        self.tre.kill()
        change_authorisation("-p", "owner")
        self.tre.start()
        self.accepted()


class Issued(Case):
    def test_certificate_by_debians_tool_for_software_tpms(self):
        """swtpm_cert, which knows nothing of us, issues one for this key."""
        public = endorsement_key(self.tpm).public_numbers()
        key, root, out = self.path("vendor.key"), self.path("vendor.pem"), self.path("ek.der")
        with open(key, "wb") as f:
            f.write(self.vendor.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                                  serialization.NoEncryption()))
        self.vendor.write_roots(root)
        good("swtpm_cert", "--type", "ek", "--ecc-x", f"{public.x:064x}", "--ecc-y", f"{public.y:064x}", "--ecc-curveid", "secp256r1", "--signkey", key,
             "--issuercert", root, "--out-cert", out, "--days", "10", "--tpm2", "--tpm-manufacturer", "id:00001014", "--tpm-model", "swtpm",
             "--tpm-version", "id:20191023", "--tpm-spec-family", "2.0", "--tpm-spec-level", "0", "--tpm-spec-revision", "164")
        with open(out, "rb") as f:
            put_certificate(self.tpm, f.read())
        self.ship()
        self.tre = self.start()
        self.accepted()


class Software(Case):
    def test_options_are_for_devices_with_a_tpm(self):
        self.ship("software")
        self.tre = lone_tre.Tre(enrol=False)
        self.addCleanup(self.tre.close)
        for words in (("--tpm-roots", self.roots), ("--unendorsed",)):
            self.refused(2, "keys in software", *words)
        self.assertEqual(self.tre.ask(ENROL_ENDORSE, bytes(32)), [lone_tre.E_STATE])
        self.assertEqual(self.tre.ask(ENROL_BEGIN, bytes.fromhex(self.eid), bytes(32))[0], 0)
        self.assertEqual(self.tre.ask(ENROL_ENDORSE, bytes(32)), [0x102])


if __name__ == "__main__":
    unittest.main()
