# SPDX-License-Identifier: Apache-2.0
"""The annotated examples: every message once, from keys and random values that are fixed, with all intermediate values. Written by tools/examples as
docs/protocol-examples.md for readers and as tests/unit/wire_vectors.h for the test that opens them with the C code."""
from oracle import aka, checkin, coap, files, flight, objects, tpm
from oracle.cbor import annotate, decode, encode
from oracle.keys import Key, be32, sha256, sig_structure
from oracle.p256 import N

EID = bytes.fromhex(objects.with_check_digits("890490321234512345123456789012"))
ICCID = objects.packed(objects.with_luhn("894900000000000001"), 10)
ICCID_2 = objects.packed(objects.with_luhn("894900000000000002"), 10)
IMEI = objects.packed("490154203237518", 8)
FLIGHT_NUMBER, NEXT_NUMBER = 0xC0FFEE01, 0xC0FFEE02
BEGIN, END = 1767225600, 1775001600
BEACON = [0x01020304, b"beacon beacon be"]
TK, TK_ID, LANE = b"ticket key 01234", 0x01ABCDEF, 5
# TS 35.208 test set 1 and TS 35.233 test set 2, so that AKA goes on from here with published values.
K, OPC = bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
K_2 = bytes(range(0xFF, 0xDF, -1))
TOPC = bytes.fromhex("305425427e18c503c8a4b294ea72c95d0c36c6c6b29d0c65de5974d5977f8524")
MEASUREMENT = sha256(b"what the device runs")
COLUMN, ROW = 76, 32


def fixed(name):
    """A key that follows from its name. For examples only."""
    key = Key.from_scalar((int.from_bytes(sha256(b"samara1 example " + name.encode()), "big") % (N - 1) + 1).to_bytes(32, "big"))
    key.deterministic = True
    return key


def fixed_octets(name, length=16):
    return sha256(b"samara1 example " + name.encode())[:length]


class Players:
    """All keys of the examples."""
    NAMES = ("supplier", "owner", "operator", "root", "d", "t", "q", "e", "f", "e2", "f2", "f3", "x", "x2", "next-q", "auc", "auc-kem", "ro-kem",
             "file", "e3", "e4", "ek", "x3")

    def __init__(self):
        for name in self.NAMES:
            setattr(self, name.replace("-", "_"), fixed(name))


class Party:
    """A file's sender with a fixed key."""

    def __init__(self, sign):
        self.sign = sign


class Messages:
    """Everything that is shown. Attributes are octets, or values that encode() makes octets of."""

    def __init__(self):
        self.keys = Players()
        self.shipment = objects.shipment_id(self.keys.supplier.point, 1)
        self.make_objects()
        self.make_flight()
        self.make_second_flight()
        self.make_flight_of_a_tpm()
        self.make_check_in()
        self.make_files()

    def make_objects(self):
        k = self.keys
        self.certificate = objects.certificate(k.supplier, EID, k.d.point, k.t.point, self.shipment)
        self.flight_key = objects.flight_key(k.root, 1, NEXT_NUMBER, k.next_q.point, BEGIN, END)
        self.order = objects.order(k.owner, 3, k.operator.point, EID)
        self.mcim = objects.mcim("001010123456789", K, OPC, interval=86400, profile=7)
        self.package = objects.package(k.operator, k.t.point, EID, ICCID, 5, self.mcim, self.order, e=k.x)
        self.mcim_2 = objects.mcim("001010123456780", K_2, TOPC, objects.TUAK, 86400, delta=2**27, age=2**20)
        self.package_2 = objects.package(k.operator, k.t.point, EID, ICCID_2, 6, self.mcim_2, e=k.x2)
        self.psk = fixed_octets("psk", 32)
        self.package_tpm = objects.package(k.operator, k.t.point, EID, ICCID, 5, self.mcim, e=k.x3, ek=k.ek.point, secret=self.psk)
        self.command = objects.command(k.operator, EID, ICCID, 1, objects.SUSPENDED)
        names = ("launch", "tre", "agent", "config", "slot.img")
        self.boot_log = [objects.event(9 if name in ("config", "slot.img") else 8, name.encode(), name) for name in names]
        self.release = objects.release(k.supplier, "m2me-1", 7, "1.4.2", self.boot_log, [len(name) for name in names])

    def ticket(self, rk, name, state=0):
        return checkin.ticket_seal(TK_ID, TK, self.ticket_fields(rk, state), LANE, fixed_octets("nonce " + name, 12))

    def ticket_fields(self, rk, state=0):
        return checkin.ticket_fields(EID, rk, 1, 0xABCDEE, 3, self.shipment, 4, state)

    def make_flight(self):
        k = self.keys
        self.request = flight.Request(k.q.point, FLIGHT_NUMBER, [EID, 1, MEASUREMENT, None, None], k.d, e=k.e)
        self.gate = fixed_octets("gate")
        self.gate_mac = flight.gate_mac(self.gate, self.request.hash_m1)
        self.opened = flight.Opened(k.q, self.request.message)
        self.answer = flight.answer_keys_of_server(self.opened, k.f)
        self.ticket_0 = self.ticket(self.answer.rk, "0")
        self.m2_content = {1: self.package, 2: self.ticket_0, 3: BEACON, 4: self.flight_key}
        self.m2 = flight.m2(self.answer, k.f, self.m2_content)
        self.refused = flight.answer_keys_of_server(self.opened, k.f3)
        self.m2_refusal = flight.m2(self.refused, k.f3, {0: 4})

    def make_second_flight(self):
        k = self.keys
        ev = [EID, 0xFEDCBA98, MEASUREMENT, [1] + BEACON, [ICCID, 5], {1: [ICCID_2, 6, 0x103], 2: 0x80000000}]
        self.request_2 = flight.Request(k.q.point, FLIGHT_NUMBER, ev, k.d, self.certificate, k.e2)
        self.answer_2 = flight.answer_keys_of_server(flight.Opened(k.q, self.request_2.message), k.f2)
        self.m2_tuak = flight.m2(self.answer_2, k.f2, {1: self.package_2, 2: self.ticket(self.answer_2.rk, "tuak")})

    def make_flight_of_a_tpm(self):
        k = self.keys
        self.boot_log = [[8, sha256(b"launcher"), "launch"], [8, sha256(b"tre"), "tre"], [9, sha256(b"firmware"), "firmware"]]
        pcrs, self.pcr_digest = tpm.replay(self.boot_log)
        self.tpm = [1000, 1, 0, True, 0x2019102300163636, pcrs]
        self.request_tpm = flight.Request(k.q.point, FLIGHT_NUMBER, [EID, 1, self.pcr_digest, None, None], k.d, e=k.e3, quote=self.tpm)
        self.request_log = flight.Request(k.q.point, FLIGHT_NUMBER, [EID, 2, self.pcr_digest, None, None], k.d, e=k.e4, quote=self.tpm, log=self.boot_log)

    def make_check_in(self):
        rk, self.r = self.answer.rk, fixed_octets("r", 12)
        hash_x = sha256(self.package[3])
        self.install_receipt = objects.install_receipt(K, EID, ICCID, 5, hash_x, self.request.hash_ev)
        self.report = {1: [self.install_receipt], 2: 1, 3: 9}
        self.c1 = checkin.c1(rk, self.ticket_0, 2, self.report)
        self.exchange = checkin.Exchange(rk, self.c1)
        self.rk_1, self.rk_spare = self.exchange.next_rks(self.r)
        self.ticket_1, self.ticket_spare = self.ticket(self.rk_1, "1", 1), self.ticket(self.rk_spare, "spare", 1)
        self.c2_content = {1: [self.command], 2: self.ticket_1, 3: BEACON, 4: self.flight_key, 5: self.ticket_spare}
        self.c2 = self.exchange.c2(self.r, self.c2_content)
        self.command_receipt = objects.command_receipt(K, EID, ICCID, 1, objects.SUSPENDED)
        self.c1_next = checkin.c1(self.rk_1, self.ticket_1, 3, {1: [self.command_receipt], 2: 2})
        self.c2_refusal = checkin.Exchange(self.rk_1, self.c1_next).c2(self.r, {0: 5})

    def make_files(self):
        k = self.keys
        self.card = files.card(k.auc, "auc", "Example Networks", k.auc_kem)
        self.shipment_file = files.write(files.SHIPMENT, 1, k.supplier, [self.shipment, k.owner.point, None],
                                         [encode([EID, IMEI, k.d.point, k.t.point])])
        self.file_key = fixed_octets("file key")
        self.batch_record = encode([EID, self.package])
        self.batch_file = files.write(files.BATCH, 2, k.operator, [self.card], [self.batch_record], k.ro_kem.point, self.file_key, k.file)


# ---- for the C code ----

def constants(m):
    """Name -> octets, as wire_vectors.h defines them."""
    k = m.keys
    scalars = {f"{name.upper().replace('-', '_')}_SCALAR": getattr(k, name.replace("-", "_")).scalar() for name in ("q", "e", "e2", "t", "ro-kem", "ek", "x3")}
    shown = ("supplier", "owner", "operator", "root", "d", "t", "next_q", "auc", "auc_kem")
    points = {f"{name.upper()}_POINT": getattr(k, name).point for name in shown}
    return {
        **scalars, **points, "EID": EID, "ICCID": ICCID, "ICCID_2": ICCID_2, "IMSI": m.mcim[0], "MEASUREMENT": MEASUREMENT, "SHIPMENT": m.shipment,
        "BEACON": BEACON[1], "K": K, "OPC": OPC, "K_2": K_2, "TOPC": TOPC, "TK": TK, "CERTIFICATE": encode(m.certificate), "FLIGHT_KEY": m.flight_key,
        "ORDER": m.order, "HASH_ORDER": sha256(m.order), "COMMAND": m.command, "RELEASE": m.release, "X": m.package[3], "W": m.package[4],
        "X_2": m.package_2[3], "X_TPM": m.package_tpm[3], "PSK": m.psk, "M1": m.request.message, "HASH_M1": m.request.hash_m1, "HASH_EV": m.request.hash_ev, "GATE": m.gate, "GATE_MAC": m.gate_mac, "DH_EQ": m.request.dh_eq, "M2": m.m2,
        "M2_REFUSED": m.m2_refusal, "RK_0": m.answer.rk, "M1_CERTIFICATE": m.request_2.message, "HASH_M1_CERTIFICATE": m.request_2.hash_m1,
        "DH_EQ_2": m.request_2.dh_eq, "M2_TUAK": m.m2_tuak, "M1_TPM": m.request_tpm.message, "M1_LOG": m.request_log.message, "HASH_EV_TPM": m.request_tpm.hash_ev, "PCR_DIGEST": m.pcr_digest, "RK_TUAK": m.answer_2.rk, "TICKET": m.ticket_0, "TICKET_1": m.ticket_1,
        "TICKET_SPARE": m.ticket_spare, "INSTALL_MAC": m.install_receipt[4], "COMMAND_MAC": m.command_receipt[4], "C1": m.c1, "HASH_C1": m.exchange.hash_c1,
        "C2": m.c2, "RK_1": m.rk_1, "RK_SPARE": m.rk_spare, "C1_NEXT": m.c1_next, "C2_REFUSED": m.c2_refusal, "CARD": m.card,
        "SHIPMENT_FILE": m.shipment_file, "BATCH_FILE": m.batch_file,
    }


def header(m):
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Written by tools/examples: the messages of docs/protocol-examples.md. */",
             "/* clang-format off */"]
    for name, octets in constants(m).items():
        rows = [octets.hex()[i:i + 112] for i in range(0, len(octets.hex()), 112)]
        if len(rows) == 1:
            lines.append(f'#define WIRE_{name} "{rows[0]}"')
        else:
            lines.append(f"#define WIRE_{name} \\\n" + " \\\n".join(f'\t"{row}"' for row in rows))
    return "\n".join(lines) + "\n"


# ---- for readers ----

def names_of(m):
    """What an octet string in a message is."""
    k = m.keys
    points = {getattr(k, attribute).point: name for attribute, name in (
        ("supplier", "supplier"), ("owner", "owner"), ("operator", "operator"), ("root", "RO root"), ("d", "D"), ("t", "T"), ("q", "Q"), ("e", "E"),
        ("e2", "E"), ("next_q", "next Q"), ("auc", "AuC"), ("auc_kem", "AuC, KEM"))}
    return {**points, EID: "EID", ICCID: "ICCID", ICCID_2: "ICCID", k.operator.id: "operator", k.supplier.id: "supplier", m.shipment: "shipment", MEASUREMENT: "measurement",
            BEACON[1]: "beacon", K: "K", OPC: "OPc", K_2: "K", TOPC: "TOPc", m.package[3]: "X", m.package_tpm[3]: "X", m.package_tpm[4]: "W", m.package_2[3]: "X", m.package[4]: "W", m.package_2[4]: "W",
            m.order: "order", m.flight_key: "flight-key", m.command: "command", m.ticket_0: "ticket", m.ticket_1: "ticket", m.ticket_spare: "spare ticket",
            m.answer.rk: "rk_0", bytes.fromhex("a10126"): "ES256", m.install_receipt[4]: "mac", m.command_receipt[4]: "mac", m.r: "r", IMEI: "IMEI",
            k.f.uncompressed: "F", k.f2.uncompressed: "F", k.f3.uncompressed: "F", m.mcim[0]: "IMSI", m.mcim_2[0]: "IMSI", m.card: "card"}


class Page:
    """docs/protocol-examples.md, from top to bottom."""

    def __init__(self, m):
        self.names, self.lines = names_of(m), []

    def say(self, *lines):
        self.lines += lines

    def heading(self, text):
        self.say("", f"## {text}")

    def values(self, **values):
        """Intermediate values, one a line; `_` stands for what a name in Python cannot have."""
        self.say("```")
        for name, value in values.items():
            shown = value.hex() if isinstance(value, bytes) else str(value)
            label = {"e_Q": "e·Q", "e_F": "e·F", "x3_EK": "x3·EK"}.get(name) or name.replace("__", "'").replace("_", " ")
            first, rest = shown[:96], [shown[i:i + 96] for i in range(96, len(shown), 96)]
            self.say(f"{label:<21} {first}", *(" " * 22 + row for row in rest))
        self.say("```")

    def message(self, title, octets, **more):
        """Offsets, octets and diagnostic notation of one encoding."""
        self.say(f"**{title}**, {len(octets)} octets:" if title else "", "```")
        for at, item, depth, text in annotate(octets, {**self.names, **{v: n.replace("_", " ") for n, v in more.items()}}):
            rows = [item.hex()[i:i + 2 * ROW] for i in range(0, 2 * len(item), 2 * ROW)]
            self.say(f"{at:04x} {'  ' * depth}{rows[0]:<{COLUMN - 2 * depth}} {text}".rstrip())
            self.say(*(f"{at + ROW * (i + 1):04x} {'  ' * depth}{row}" for i, row in enumerate(rows[1:])))
        self.say("```")

    def signed(self, title, octets, label, extra=b""):
        """A COSE_Sign1, its payload and what was signed."""
        signed = decode(octets)
        self.message(title, octets, **{"payload": signed[2], "signature": signed[3]})
        self.message("its payload", signed[2])
        self.values(external_aad=label.encode() + b"\0" + extra, hash_of_Sig_structure=sha256(sig_structure(label, extra, signed[2])))

    def text(self):
        return "\n".join(self.lines) + "\n"


def page_keys(page, m):
    page.say("# Samara protocol, version 1: annotated examples",
             "",
             "Every message of `protocol.md` once. `tools/examples` writes this page with the second implementation (`tests/oracle`) from fixed keys",
             "and fixed random values; `tests/system/test_oracle_examples.py` fails when it is stale, and `tests/unit/test_wire.c` opens these very",
             "octets with the C code. Signatures are made by RFC 6979, so that they come out the same; any ECDSA signature serves. All private keys",
             "here are public: use none of them.",
             "",
             "Left: offset and octets; right: what they are. `bytes(n) / name /` is a byte string of n octets that is explained elsewhere.")
    page.heading("Keys")
    page.say("| key | private scalar | compressed point |", "| --- | --- | --- |")
    for name in Players.NAMES:
        key = getattr(m.keys, name.replace("-", "_"))
        page.say(f"| {name} | {key.scalar().hex()} | {key.point.hex()} |")
    page.say("")
    page.say("`d`, `t`: the device's. `q`: the RO's flight key, number c0ffee01. `e`, `f`: of the first flight; `e2`, `f2` of the second; `f3` of the",
             "refusal; `e3` and `e4` of flights of a TPM. `ek`: its endorsement key. `x`, `x2`, `x3`, `file`: ephemeral keys of HPKE. `next-q` is the flight key that is sent along.")
    page.values(EID=EID, ICCID=ICCID, measurement=MEASUREMENT, shipment=m.shipment, key_id_of_operator=m.keys.operator.id, TK=TK, TK_id=be32(TK_ID))


def page_objects(page, m):
    page.heading("Signed objects (section 2)")
    page.signed("certificate", encode(m.certificate), "samara1 certificate")
    page.signed("flight-key", m.flight_key, "samara1 flight-key")
    page.signed("order", m.order, "samara1 order")
    page.values(hash_order=sha256(m.order))
    page.signed("command", m.command, "samara1 cmd")
    page.signed("release", m.release, "samara1 release")
    page.say("PCRs of a device that booted it:")
    page.values(**{f"PCR_{pcr}": value for pcr, value in objects.replay(m.boot_log).items()})
    page.heading("Sealed subscriptions (section 2)")
    for what, mcim, package in (("MILENAGE, with the owner's order", m.mcim, m.package), ("TUAK, without order", m.mcim_2, m.package_2)):
        page.message(f"mcim: {what}", encode(mcim))
        page.values(aad_of_X=objects.x_aad(m.keys.operator.point, EID, package[1], package[2]), hash_X=sha256(package[3]))
        page.message("payload of W", objects.w_payload(EID, package[1], package[2], package[3], package[5]), hash_X=sha256(package[3]),
                     hash_order=sha256(m.order))
        page.message("package", encode(package))
    page.say("The first once more, without order, so that the TPM with the endorsement key `ek` alone opens it:")
    page.values(Name_of_t=tpm.name_t(m.keys.t.point), pre_shared_key=m.psk, x3_EK=m.keys.x3.dh(m.keys.ek.point),
                credential=objects.credential_of(m.package_tpm[3]),
                hash_X=sha256(m.package_tpm[3]))
    page.message("package for a TPM alone", encode(m.package_tpm))


def page_flight(page, m):
    k, rq = m.keys, m.request
    page.heading("Flight by reference, first contact (section 3)")
    page.message("ev", rq.evidence[2])
    page.values(external_aad=b"samara1 ev\0" + k.e.point + k.q.point, hash_ev=rq.hash_ev, e_Q=rq.dh_eq, k1=rq.k1)
    page.message("m1-plain", rq.plain, ev=rq.evidence[2], signature=rq.evidence[3])
    page.message("M1", rq.message, sealed_m1_plain=decode(rq.message)[3])
    page.say("Asked by a 4.01 the device sends M1 once more, with the Echo, here `4563686f2d6f6638`, and its gate MAC: head, marker, M1, `4c`, MAC.",
             "Confirmable, message id 1234, token 5678:")
    page.values(gate_key=m.gate, gate_MAC_key=flight.kdf(m.gate, "gate", length=32), gate_MAC=m.gate_mac,
                head_and_marker=coap.request("f", b"", 0x1234, b"\x56\x78", echo=b"Echo-of8"))
    page.values(hash_M1=rq.hash_m1, e_F=k.e.dh(k.f.point), k2=m.answer.k2, k2__=m.answer.k2_prime, rk_0=m.answer.rk)
    page.message("m2-plain with package, ticket, beacon and the next flight key", encode(m.m2_content))
    page.message("M2", m.m2, sealed_m2_plain=decode(m.m2)[1])
    page.message("M2 that refuses (4), from another f; its plaintext is a10004", m.m2_refusal, sealed_m2_plain=decode(m.m2_refusal)[1])
    page.values(k2=m.refused.k2, k2__=m.refused.k2_prime)


def page_second_flight(page, m):
    rq = m.request_2
    page.heading("Flight with certificate, and everything that evidence can say (section 3)")
    page.message("ev", rq.evidence[2])
    page.values(hash_ev=rq.hash_ev, e_Q=rq.dh_eq, k1=rq.k1)
    page.message("m1-plain", rq.plain, ev=rq.evidence[2], signature=rq.evidence[3], payload=m.certificate[2], signature_of_the_supplier=m.certificate[3])
    page.message("M1", rq.message, sealed_m1_plain=decode(rq.message)[3])
    page.values(hash_M1=rq.hash_m1, k2=m.answer_2.k2, k2__=m.answer_2.k2_prime, rk_0=m.answer_2.rk)
    page.message("M2, TUAK, without order", m.m2_tuak, sealed_m2_plain=decode(m.m2_tuak)[1])


def page_flight_of_a_tpm(page, m):
    k, rq = m.keys, m.request_tpm
    page.heading("Flight of a device with a TPM (section 3)")
    page.say("The same d, in a TPM. Its PCRs 8 and 9 hold a boot log (their digests are SHA-256 of «launcher», «tre» and «firmware»):")
    page.message("boot-log", encode(m.boot_log))
    page.values(measurement=m.pcr_digest)
    page.message("ev", rq.evidence[0])
    page.say("The TPM quotes with hash(ev) as its qualifying data; its signature is over SHA-256 of the TPMS_ATTEST:")
    page.values(hash_ev=rq.hash_ev, Name_of_d=tpm.name(k.d.point), TPMS_ATTEST=tpm.attest(k.d.point, m.tpm, rq.hash_ev, m.pcr_digest))
    page.message("m1-plain", rq.plain, ev=rq.evidence[0], signature_of_the_TPM=rq.evidence[2])
    page.values(e_Q=rq.dh_eq, k1=rq.k1)
    page.message("M1", rq.message, sealed_m1_plain=decode(rq.message)[3])
    rq = m.request_log
    page.say("Refused with 2 it shows in its next request, from `e4`, what booted:")
    page.message("m1-plain", rq.plain, ev=rq.evidence[0], signature_of_the_TPM=rq.evidence[2])
    page.message("M1", rq.message, sealed_m1_plain=decode(rq.message)[3])


def page_check_in(page, m):
    page.heading("Ticket and check-in (section 4)")
    page.message("ticket-plain", encode(m.ticket_fields(m.answer.rk)))
    page.values(lane=bytes([LANE]), ticket_key=checkin.ticket_key(TK, m.ticket_0[:5]), nonce=m.ticket_0[5:17], ticket=m.ticket_0)
    page.say("The install receipt's MAC is over `[EID, ICCID, 5, hash X, hash ev]`:")
    page.values(ack_install_key=objects.kdf(K, "ack-install", length=32), mac=m.install_receipt[4])
    page.message("report", encode(m.report))
    key, mask = checkin.request_keys(m.answer.rk)
    page.values(request_key=key, ctr=be32(2), mask=mask, nonce=checkin.request_nonce(be32(2)))
    page.message("C1", m.c1, sealed_report=decode(m.c1)[2])
    page.values(hash_C1=m.exchange.hash_c1, response_key=m.exchange.response_key, next=m.exchange.next, r=m.r, rk__=m.rk_1, spare_rk=m.rk_spare)
    page.message("c2-plain with a command, tickets, beacon and the next flight key", encode(m.c2_content))
    page.message("C2", m.c2, sealed_c2_plain=decode(m.c2)[1])
    page.say("The next check-in receipts the command; its MAC is over `[EID, ICCID, 1, 2, 0]`:")
    page.values(ack_cmd_key=objects.kdf(K, "ack-cmd", length=32), mac=m.command_receipt[4])
    page.message("report", encode({1: [m.command_receipt], 2: 2}))
    page.message("C1", m.c1_next, sealed_report=decode(m.c1_next)[2])
    page.message("C2 that refuses (5); its plaintext is a10005", m.c2_refusal, sealed_c2_plain=decode(m.c2_refusal)[1])


def page_aka(page, m):
    page.heading("Authentication with these subscriptions")
    for what, mcim in (("MILENAGE", m.mcim), ("TUAK", m.mcim_2)):
        functions, rand = aka.of_mcim(mcim), fixed_octets("RAND")
        autn = aka.autn(functions, rand, 32)
        ck_prime, ik_prime = aka.prime_keys(functions.f3(rand), functions.f4(rand), b"WLAN", autn[:6])
        page.say(f"{what}, SQN 32, AMF 8000, network name «WLAN»:")
        page.values(RAND=rand, AUTN=autn, RES=functions.f2(rand), CK=functions.f3(rand), IK=functions.f4(rand), CK__=ck_prime, IK__=ik_prime)


def page_files(page, m):
    page.heading("Files (section 5)")
    page.signed("card", m.card, "samara1 card")
    page.values(fingerprint=sha256(m.card))
    page.say("Its file:", "```", *files.armoured(m.card).splitlines(), "```")
    for title, octets in (("shipment", m.shipment_file), ("batch, sealed to the RO", m.batch_file)):
        header, record, end = (part for _, part in files.sequence(octets))
        page.message(f"{title}: header", header, about=decode(header)[5], seal_of_the_file_key=decode(header)[6] or b"")
        page.message("about", decode(header)[5])
        page.message("record 1", record)
        page.message("end", end, signature=decode(end)[1])
        kind, number = decode(header)[2:4]
        page.values(signed_payload=encode([kind, number, 1, sha256(header + record)]))
    page.values(file_key=m.file_key, record_key_1=files.record_key(m.file_key, 1))
    page.message("record 1 of the shipment, its content", decode(files.sequence(m.shipment_file)[1][1]))
    page.message("record 1 of the batch, opened", m.batch_record)


def markdown(m):
    page = Page(m)
    for part in (page_keys, page_objects, page_flight, page_second_flight, page_flight_of_a_tpm, page_check_in, page_aka, page_files):
        part(page, m)
    return page.text()
