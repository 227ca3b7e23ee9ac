"""The certificate repository that a PASSporT's ``x5u`` points to."""

from __future__ import annotations

from collections.abc import Mapping

from phonotary.web.stir_v1.asgi import AsgiApp, Message, Receive, Send, send_answer

_TEXT = (b"content-type", b"text/plain")
_CHAIN = (b"content-type", b"application/pem-certificate-chain")
_KEPT = (b"cache-control", b"public, max-age=86400")


def certs_app(chain_pem_by_name: Mapping[str, bytes]) -> AsgiApp:
    """``GET /certs/<name>``: the chain of that name, leaf first (RFC 9060 section 5).

    The mapping is read at each request. A name stands for one certificate for ever (it holds the
    fingerprint), so verifiers may keep what they fetched for a day.
    """

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        head = scope["method"] == "HEAD"
        chain = chain_pem_by_name.get(scope["path"].removeprefix("/certs/"))
        if not head and scope["method"] != "GET":
            await send_answer(send, 405, b"", [_TEXT, (b"allow", b"GET, HEAD")], head=head)
        elif chain is None:
            await send_answer(send, 404, b"No such certificate\n", [_TEXT], head=head)
        else:
            await send_answer(send, 200, chain, [_CHAIN, _KEPT], head=head)

    return serve
