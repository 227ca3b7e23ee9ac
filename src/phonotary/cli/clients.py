"""What each Twilio client reads to find its way: variables, and the files some of them name.

Measured against the clients themselves; docs/zero-change.md says which reads what, and why.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SHIMS = Path(__file__).parent / "shims"
# Java's own default; the store holds no secret, only certificates.
_STORE_PASSWORD = "changeit"
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where a running sandbox is, as its ready file says it."""

    http: str
    proxy: str
    tls: str
    ca: Path
    account_sid: str
    auth_token: str

    @property
    def directory(self) -> Path:
        """The run's own: it goes when the sandbox stops."""
        return self.ca.parent

    @property
    def bundle(self) -> Path:
        return self.directory / "bundle.pem"

    @property
    def java_store(self) -> Path:
        return self.directory / "truststore.p12"

    @property
    def php(self) -> Path:
        return self.directory / "php"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, who reads it, and its value given the one that is set already."""

    name: str
    readers: str
    value: Callable[[Sandbox, str], str]


def _no_proxy(sandbox: Sandbox, present: str) -> str:
    """The person's own exceptions stay, but for one that would lead around the sandbox."""
    theirs = [entry.strip() for entry in present.split(",")]
    kept = [e for e in theirs if e and e != "*" and not e.lower().endswith("twilio.com")]
    return ",".join(dict.fromkeys((*_HERE, *kept)))


def _node_options(sandbox: Sandbox, present: str) -> str:
    path = str(_SHIMS / "preload.js")
    if any(mark in path for mark in ' "\\'):
        path = '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _added(present, f"--require {path}", " ")


def _python_path(sandbox: Sandbox, present: str) -> str:
    # First, because the first sitecustomize counts; ours runs the next one.
    ours = str(_SHIMS / "python")
    theirs = [entry for entry in present.split(":") if entry != ours] if present else []
    return ":".join((ours, *theirs))


def _java_options(sandbox: Sandbox, present: str) -> str:
    host, _, port = sandbox.proxy.removeprefix("http://").rpartition(":")
    ours = (
        f"-Dhttps.proxyHost={host}",
        f"-Dhttps.proxyPort={port}",
        f"-Djavax.net.ssl.trustStore={sandbox.java_store}",
        f"-Djavax.net.ssl.trustStorePassword={_STORE_PASSWORD}",
    )
    # The JVM takes the last of two that say the same.
    return _added(present, " ".join(ours), " ")


def _php(sandbox: Sandbox, present: str) -> str:
    # An empty entry stands for the directory PHP was built with.
    return _added(present, f":{sandbox.php}" if not present else str(sandbox.php), ":")


def _added(present: str, ours: str, between: str) -> str:
    if not present or ours in present:
        return present or ours
    return f"{present}{between}{ours}"


def _proxy(sandbox: Sandbox, present: str) -> str:
    return sandbox.proxy


def _bundle(sandbox: Sandbox, present: str) -> str:
    return str(sandbox.bundle)


VARIABLES: tuple[Variable, ...] = (
    Variable("TWILIO_ACCOUNT_SID", "every client and program", lambda s, present: s.account_sid),
    Variable("TWILIO_AUTH_TOKEN", "every client and program", lambda s, present: s.auth_token),
    Variable("HTTP_PROXY", "Node SDK 3 to 6, twilio-cli (upper case, for https too)", _proxy),
    Variable("HTTPS_PROXY", "Python, PHP, Go, C#, httpx, curl, Deno", _proxy),
    Variable("http_proxy", "Ruby (for https too)", _proxy),
    Variable("https_proxy", "Faraday, wget and others that read lower case only", _proxy),
    Variable("NO_PROXY", "whoever reads a proxy variable", _no_proxy),
    Variable("no_proxy", "whoever reads a proxy variable", _no_proxy),
    Variable("NODE_EXTRA_CA_CERTS", "Node", _bundle),
    Variable("NODE_OPTIONS", "Node: the preload for the global fetch", _node_options),
    Variable("PHONOTARY_TLS", "our preload for Node", lambda s, present: s.tls),
    Variable("REQUESTS_CA_BUNDLE", "Python's requests, under twilio-python", _bundle),
    Variable("CURL_CA_BUNDLE", "the curl tool", _bundle),
    Variable("SSL_CERT_FILE", "OpenSSL: Ruby, Go, C#, aiohttp, httpx, urllib", _bundle),
    Variable("TWILIO_CA_BUNDLE", "Node SDK where no HTTP_PROXY is set", _bundle),
    Variable("DENO_CERT", "Deno", _bundle),
    Variable("PHP_INI_SCAN_DIR", "PHP: curl.cainfo, openssl.cafile", _php),
    Variable("JAVA_TOOL_OPTIONS", "Java: proxy and trust store", _java_options),
    Variable("PYTHONPATH", "Python: our shim for aiohttp and certifi", _python_path),
    Variable("PHONOTARY_URL", "programs that steer the sandbox", lambda s, present: s.http),
)


def environment(sandbox: Sandbox, present: Mapping[str, str]) -> dict[str, str]:
    """What to set so that a program started with ``present`` finds the sandbox."""
    return {v.name: v.value(sandbox, present.get(v.name, "")) for v in VARIABLES}


def write_files(sandbox: Sandbox, present: Mapping[str, str]) -> None:
    """The files those variables name, in the run's own directory.

    Each holds the machine's own roots as well: other hosts are reached as before, through the
    proxy's tunnels, and their certificates must still be known.
    """
    ours = sandbox.ca.read_text()
    roots = _roots(present)
    sandbox.bundle.write_text(ours + roots)
    sandbox.java_store.write_bytes(_java_store(ours + roots))
    sandbox.php.mkdir(exist_ok=True)
    (sandbox.php / "phonotary.ini").write_text(
        f'curl.cainfo="{sandbox.bundle}"\nopenssl.cafile="{sandbox.bundle}"\n'
    )


def _roots(present: Mapping[str, str]) -> str:
    """The roots this person's programs trust already: each bundle they name, else the machine's."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    named = [Path(present[name]) for name in names if present.get(name)]
    default = ssl.get_default_verify_paths().openssl_cafile
    machine = [Path(default), Path("/etc/ssl/certs/ca-certificates.crt")]
    found = [path.resolve() for path in named if path.is_file()]
    found += [path.resolve() for path in machine if path.is_file()][:1]
    texts = [path.read_text("utf-8", "replace") for path in dict.fromkeys(found)]
    return "".join(text if text.endswith("\n") else text + "\n" for text in texts)


def _java_store(pem: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    entries: dict[bytes, pkcs12.PKCS12Certificate] = {}
    end = "-----END CERTIFICATE-----"
    with warnings.catch_warnings():
        # Old roots break rules that newer readers hold; Java decides about those itself.
        warnings.simplefilter("ignore")
        for part in pem.split(end)[:-1]:
            block = part[part.index("-----BEGIN CERTIFICATE-----") :] + end
            try:
                certificate = x509.load_pem_x509_certificate(block.encode())
            except ValueError:
                continue
            alias = f"root{len(entries)}".encode()
            entries.setdefault(block.encode(), pkcs12.PKCS12Certificate(certificate, alias))
    encryption = BestAvailableEncryption(_STORE_PASSWORD.encode())
    return pkcs12.serialize_java_truststore(list(entries.values()), encryption)
