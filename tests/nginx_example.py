"""The example configuration of nginx, adapted so that it runs here: other ports, its own certificate.

Invariant: nothing else of the example is changed.
"""

import datetime as dt
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

EXAMPLE = Path(__file__).resolve().parent.parent / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def example(folder: Path, *, nodes: Sequence[int] = (8001, 8002), tls_port: int = 8443, plain_port: int = 8080) -> Path:
    """Write a whole configuration around the example; return its path."""
    certificate(folder)
    text = EXAMPLE.read_text()
    for named, here in zip((8001, 8002), nodes, strict=True):
        text = text.replace(f"127.0.0.1:{named}", f"127.0.0.1:{here}")
    text = re.sub(r"listen \[::\]:\d+.*;", "", text)
    text = text.replace("listen 443", f"listen 127.0.0.1:{tls_port}").replace(
        "listen 80;", f"listen 127.0.0.1:{plain_port};"
    )
    text = text.replace("/etc/ssl/frontview/", f"{folder}/").replace("/var/log/nginx/", f"{folder}/")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"pid {folder}/nginx.pid;\nerror_log {folder}/nginx.error.log;\nevents {{ worker_connections 512; }}\n"
        f"http {{\n{temporary}{text}}}\n"
    )
    return path


def certificate(folder: Path) -> None:
    """Write a certificate for nobody in particular, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "frontview.example.org")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
