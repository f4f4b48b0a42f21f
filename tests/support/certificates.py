# SPDX-License-Identifier: MIT
"""certificates - a CA of a test's own and what it signs, by python3-cryptography.

    ca = Authority(folder); server = ca.issue("server", ["localhost", "127.0.0.1"])
    server.cert, server.key, ca.cert are paths; server.context() an ssl.SSLContext for a server
"""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Certificate:
    def __init__(self, cert, key, client_ca=None):
        self.cert, self.key, self.client_ca = cert, key, client_ca
        self.tls12 = False

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        if self.tls12:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_ca)
        return context


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder, self.name = Path(folder), name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test {name}")])
        self.cert, _ = self._write(name, self._subject, self._key, [], None, is_ca=True)

    def issue(self, name, hosts, days=(-1, 30), client_ca=None):
        """days: the life of it, from and to, counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0] if hosts else name)])
        return Certificate(*self._write(name, subject, key, hosts, days), client_ca)

    def self_signed(self, name, hosts):
        other = Authority(self.folder, name + "-own")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        other._subject, other._key = subject, key
        return Certificate(*other._write(name, subject, key, hosts, (-1, 30)))

    def _write(self, name, subject, key, hosts, days, is_ca=False):
        now = datetime.datetime.utcnow()
        first, last = days or (-1, 30)
        names = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self._subject)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now + first * DAY).not_valid_after(now + last * DAY)
                   .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        cert, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                             serialization.NoEncryption()))
        return str(cert), str(secret)
