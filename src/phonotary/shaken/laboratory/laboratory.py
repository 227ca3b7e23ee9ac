"""The laboratory as a whole: authorities that are kept, an STI-PA, and an STI-CA per profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken import issuing, tn_auth_list
from phonotary.shaken.issuing import Certified
from phonotary.shaken.laboratory import ordering
from phonotary.shaken.laboratory.acme import Server, TokenTrust
from phonotary.shaken.laboratory.book import Book, Kept
from phonotary.shaken.laboratory.policy_administrator import Member, PolicyAdministrator
from phonotary.shaken.laboratory.profiles import PROFILES, RFC9448, Profile
from phonotary.shaken.revocations import read_crl
from phonotary.shaken.trust import Trust

STI_PA = "/lab/sti-pa"
ACME = "/lab/acme"
LEAF_DAYS = 90
_ORGANISATION = "Laboratory member"
_CA_NAME = issuing.name("phonotary sandbox", "SHAKEN Sandbox STI-CA", "1")


class Laboratory:
    """What the doors serve. ``origin`` is the address clients use, without a slash at its end."""

    def __init__(
        self,
        kept: Kept,
        origin: str,
        now: Instant,
        members: Iterable[Member],
        *,
        leaf_days: int = LEAF_DAYS,
        token_life: int | None = None,
        chains: dict[str, bytes] | None = None,
    ) -> None:
        """Authorities are made at the first opening of ``kept`` and found there ever after.

        ``chains`` is the certificate repository's mapping, by name ``<fingerprint>.pem``: every
        certificate is added to it. Raises Refused when what was kept cannot be read.
        """
        self._book = Book.open(kept)
        self._origin, self._leaf_days = origin, leaf_days
        found = self._book.authorities(lambda: _made(now))
        self._pa_root, signer, self._root, self._ca_key = _loaded(found)
        self._crl = issuing.CrlPoint(f"{origin}{STI_PA}/download/v1/crl", signer.name)
        # The CA's certificate names the CRL's address, which a new port changes; its key and
        # name stay, so chains issued before still hold.
        self._ca = self._sti_ca(now, 0)
        self._ca_of_cas = self._sti_ca(now, 1)
        self.sti_pa = PolicyAdministrator(
            signer,
            f"{origin}{STI_PA}",
            members,
            cas=[self._root.certificate],
            issuers=[self._root.name, self._ca.name],
            book=self._book,
            **({} if token_life is None else {"token_life": token_life}),
        )
        trust = TokenTrust(
            f"{origin}{STI_PA}",
            (self._pa_root.certificate,),
            MappingProxyType({self.sti_pa.x5u: (signer.certificate,)}),
        )
        self.chains = {} if chains is None else chains
        for one in self._book.pages.issued:
            self._publish(one.chain_pem.encode())
        self.servers: Mapping[str, Server] = {
            path: Server(f"{origin}{path}", profile, trust, self._issue, self._book, self._publish)
            for path, profile in _paths()
        }

    @property
    def root_pem(self) -> bytes:
        """The STI-CA's root: what a verifier trusts."""
        return self._root.pem

    @property
    def pa_root_pem(self) -> bytes:
        """The STI-PA's root: who may sign the CA list and tokens."""
        return self._pa_root.pem

    @property
    def pa_pem(self) -> bytes:
        """The STI-PA's certificate: who signs the CRL."""
        return self.sti_pa.signer.pem

    def trust(self, now: Instant) -> Trust:
        """What a verifier believes of this laboratory now: its root, and what it has revoked."""
        signer = self.sti_pa.signer.certificate
        revocations = read_crl(self.sti_pa.crl(now), signer, now)
        return Trust((self._root.certificate,), revocations, crl_required=True)

    def x5u(self, chain_pem: bytes) -> str:
        """Where the repository serves a chain that this laboratory issued."""
        return f"{self._origin}/certs/{_name(chain_pem)}"

    def enrol(
        self,
        spc: str,
        organisation: str,
        now: Instant,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> tuple[bytes, ec.EllipticCurvePrivateKey]:
        """A certificate for ``spc`` by the whole procedure, without HTTP: the chain and its key.

        For the hub's own credential, which it needs before it serves. Raises Refused when a rule
        of the STI-PA or the STI-CA says no.
        """
        key, account = key or issuing.new_key(), issuing.new_key()
        server = self.servers[ACME]
        scope = tn_auth_list.encode([tn_auth_list.Spc(spc)])
        steps = ordering.obtain(
            f"{server.base}/directory",
            ordering.Wanted(scope, organisation, f"SHAKEN {spc}", RFC9448),
            account_key=account,
            certificate_key=key,
            token=lambda claim: self.sti_pa.vouch(claim, spc, now),
        )
        return ordering.driven(steps, lambda asked: _answered(server, asked, now)), key

    def _sti_ca(self, now: Instant, path_length: int) -> Certified:
        """One CA by name and key; with 1 the same one, where a provider's own stands below it."""
        return issuing.sti_ca(
            self._root,
            now,
            path_length=path_length,
            crl=self._crl,
            key=self._ca_key,
            subject=_CA_NAME,
        )

    def _issue(
        self,
        key: ec.EllipticCurvePublicKey,
        entries: tuple[tn_auth_list.Entry, ...],
        organisation: str | None,
        ca: bool,
        now: Instant,
    ) -> bytes:
        match entries:
            case (tn_auth_list.Spc(code),) if ca:
                own = issuing.delegate_ca(
                    self._ca_of_cas,
                    now,
                    entries,
                    subject=issuing.name(
                        organisation or _ORGANISATION, f"Delegate CA {code}", code
                    ),
                    days=self._leaf_days,
                    crl=self._crl,
                    public_key=key,
                )
                return issuing.chain(own, self._ca_of_cas)
            case (tn_auth_list.Spc(code),):
                # The policy asks for a serialNumber; a provider's own number is its code.
                subject = issuing.name(organisation or _ORGANISATION, f"SHAKEN {code}", code)
                leaf = issuing.leaf(
                    self._ca,
                    now,
                    code,
                    subject=subject,
                    days=self._leaf_days,
                    crl=self._crl,
                    public_key=key,
                )
            case _:
                raise Refused(Reason.INVALID_PARAMETER, "A leaf speaks for one provider code.")
        return issuing.chain(leaf, self._ca)

    def _publish(self, chain_pem: bytes) -> None:
        self.chains[_name(chain_pem)] = chain_pem


def _paths() -> Iterable[tuple[str, Profile]]:
    """The RFC's reading at the short path, every other one below its name."""
    for name, profile in PROFILES.items():
        yield ACME if profile is RFC9448 else f"{ACME}/{name}", profile


def _answered(server: Server, asked: ordering.Send, now: Instant) -> ordering.Received:
    """What HTTP would have carried."""
    if asked.url == f"{server.base}/directory":
        return ordering.received(200, {}, server.directory())
    if asked.body is None:
        return ordering.received(200, {"replay-nonce": server.nonce(now)}, {})
    reply = server.post(asked.url, asked.body, now)
    return ordering.Received(reply.status, dict(reply.headers), reply.body)


def _made(now: Instant) -> dict[str, str]:
    """Keys and certificates of a new laboratory. The STI-PA has a root of its own: no
    certificate that an STI-CA issues may sign a token."""
    pa_name = issuing.name("phonotary sandbox", "SHAKEN Sandbox STI-PA ROOT")
    pa_root = issuing.root(now, subject=pa_name)
    signer = issuing.sti_pa(pa_root, now, days=3650)
    root, ca = issuing.root(now), issuing.new_key()
    pair = {"pa_root": pa_root, "pa": signer, "root": root}
    found = {name: (one.key_pem + one.pem).decode() for name, one in pair.items()}
    return found | {"ca": Certified(root.certificate, ca).key_pem.decode()}


def _loaded(
    found: Mapping[str, str],
) -> tuple[Certified, Certified, Certified, ec.EllipticCurvePrivateKey]:
    try:
        pa_root, signer, root = (_certified(found[name]) for name in ("pa_root", "pa", "root"))
        return pa_root, signer, root, _key(found["ca"])
    except (KeyError, ValueError, TypeError) as fault:
        # The parser's own words are dropped: they might quote a key.
        raise Refused(Reason.CONFLICT, "The laboratory's kept keys are not readable.") from fault


def _certified(text: str) -> Certified:
    return Certified(x509.load_pem_x509_certificate(text.encode()), _key(text))


def _key(text: str) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(text.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic curve key")
    return key


def _name(chain_pem: bytes) -> str:
    """As the repository names chains: by the leaf's fingerprint."""
    leaf = x509.load_pem_x509_certificates(chain_pem)[0]
    return f"{leaf.fingerprint(SHA256()).hex()}.pem"
