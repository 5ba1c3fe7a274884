# SPDX-License-Identifier: Apache-2.0
"""A TPM vendor of the test's own: a certification authority, and what it does to a TPM before it sells it. A software TPM as it comes has no
certificate for ECC P-256 (Debian's swtpm_setup makes them for RSA and P-384 alone).

    vendor = Vendor()
    vendor.write_roots(path)        # for --tpm-roots
    vendor.endorse(tpm)             # SoftwareTpm, before its platform hierarchy is closed by samara-boot
"""
import datetime
import itertools
import socket
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from swtpm import OWNER, read_frame

EK_CERTIFICATE = ObjectIdentifier("2.23.133.8.1")
INDEX = 0x01C0000A
FIRST_OF_OTHERS = 0x81010100
ENDORSEMENT, PLATFORM = 0x4000000B, 0x4000000C
ATTRIBUTES = 0x42072001  # platform creates and writes, everybody reads, no dictionary attack logic; as swtpm_setup defines the others
# TCG EK credential profile, template L-2
TEMPLATE = bytes.fromhex("0023 000B 000300B2 0020 837197674484B3F81A90CC8D46A5D724FD52D76E06520B64F2A1DA1B331469AA 0006 0080 0043 0010 0003 0010"
                         + 2 * ("0020" + 32 * "00"))
CREATE_PRIMARY, EVICT, FLUSH, NV_DEFINE, NV_UNDEFINE, NV_WRITE = 0x131, 0x120, 0x165, 0x12A, 0x122, 0x137
CHUNK = 512
EPOCH, YEARS = datetime.datetime(2024, 1, 1), datetime.timedelta(days=36500)


def sized(octets):
    return struct.pack(">H", len(octets)) + octets


class Connection:
    """Commands with the empty password, over one connection: nobody else may be connected."""

    def __init__(self, tpm):
        self.socket = socket.create_connection(("127.0.0.1", tpm.port), timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, code, handles, parameters, authorised=True):
        """What stands behind the head of the answer."""
        body = b"".join(struct.pack(">I", h) for h in handles) + (struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0) if authorised else b"") + parameters
        self.socket.sendall(struct.pack(">HII", 0x8002 if authorised else 0x8001, 10 + len(body), code) + body)
        answer = read_frame(self.socket)
        if answer[6:10] != bytes(4):
            raise AssertionError(f"TPM command {code:x}: {answer.hex()}")
        return answer[10:]


def coordinates(area):
    """The point in a TPMT_PUBLIC of the template's kind."""
    at = len(TEMPLATE) - 68
    x_len = int.from_bytes(area[at:at + 2], "big")
    x, y = area[at + 2:at + 2 + x_len], area[at + 4 + x_len:]
    return int.from_bytes(x, "big"), int.from_bytes(y, "big")


def endorsement_key(tpm):
    """The public half of the one that the vendor put into it."""
    with Connection(tpm) as c:
        answer = c.ask(CREATE_PRIMARY, [ENDORSEMENT], sized(bytes(4)) + sized(TEMPLATE) + sized(b"") + bytes(4))
        c.ask(FLUSH, [], answer[:4], authorised=False)
    length = int.from_bytes(answer[8:10], "big")
    return ec.EllipticCurvePublicNumbers(*coordinates(answer[10:10 + length]), ec.SECP256R1()).public_key()


def occupy(tpm):
    """Others' keys in all places that the TPM has for some, once it has no other room (SoftwareTpm.fill_up). Returns their handles."""
    with Connection(tpm) as c:
        key = c.ask(CREATE_PRIMARY, [ENDORSEMENT], sized(bytes(4)) + sized(TEMPLATE) + sized(b"") + bytes(4))[:4]
        try:
            for handle in itertools.count(FIRST_OF_OTHERS):
                c.ask(EVICT, [OWNER, int.from_bytes(key, "big")], struct.pack(">I", handle))
        except AssertionError:
            c.ask(FLUSH, [], key, authorised=False)
            return list(range(FIRST_OF_OTHERS, handle))


def evict(tpm, handle):
    with Connection(tpm) as c:
        c.ask(EVICT, [OWNER, handle], struct.pack(">I", handle))


def put_certificate(tpm, der):
    """Leave it where the vendor does; an earlier one is gone then."""
    public = struct.pack(">IHIHH", INDEX, 0x000B, ATTRIBUTES, 0, len(der))
    with Connection(tpm) as c:
        try:
            c.ask(NV_UNDEFINE, [PLATFORM, INDEX], b"")
        except AssertionError:
            pass  # there was none
        c.ask(NV_DEFINE, [PLATFORM], sized(b"") + sized(public))
        for at in range(0, len(der), CHUNK):
            c.ask(NV_WRITE, [PLATFORM, INDEX], sized(der[at:at + CHUNK]) + struct.pack(">H", at))


class Vendor:
    """@name: of the authority; two of the same name have different keys. @validity: begin, end."""

    def __init__(self, name="TPM vendor", **validity):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.root = self.own_certificate(**validity)

    def own_certificate(self, **validity):
        return (self.builder(self.key.public_key(), self.name, **validity).add_extension(x509.BasicConstraints(True, None), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
                .sign(self.key, hashes.SHA256()))

    def builder(self, key, subject, begin=EPOCH, end=EPOCH + YEARS):
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key).serial_number(x509.random_serial_number())
                .not_valid_before(begin).not_valid_after(end))

    def write_roots(self, path, *others):
        with open(path, "wb") as f:
            for vendor in (self, *others):
                f.write(vendor.root.public_bytes(serialization.Encoding.PEM))
        return path

    def certificate(self, key, usage=EK_CERTIFICATE, **validity):
        """Of a public key, DER, as the profile has it: no subject but the names of the TPM's kind. @validity: begin, end."""
        kind = x509.Name([x509.NameAttribute(ObjectIdentifier(f"2.23.133.2.{i}"), value) for i, value in ((1, "id:53414D41"), (2, "test"), (3, "id:1"))])
        return (self.builder(key, x509.Name([]), **validity)
                .add_extension(x509.SubjectAlternativeName([x509.DirectoryName(kind)]), critical=True)
                .add_extension(x509.BasicConstraints(False, None), critical=True)
                .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
                .sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))

    def endorse(self, tpm, **validity):
        """The certificate of a TPM's own key, left in it."""
        der = self.certificate(endorsement_key(tpm), **validity)
        put_certificate(tpm, der)
        return der
