"""``/console/inquiries/{sid}?token=…``: the page a ComplianceInquiry's url opens.

It asks for what the bundle's policy asks for, fills the bundle, and submits it.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from phonotary.errors import Reason, Refused
from phonotary.storage.store import SqlStore
from phonotary.trusthub import inquiries, lifecycle, policies, types
from phonotary.trusthub.inquiries import Section
from phonotary.trusthub.records import Bundle, Inquiry
from phonotary.web.bodies import read_form
from phonotary.web.console.page import page, refusal, status_of
from phonotary.web.forms import parse_query

# What the prefill parameters of the two Initialize calls are called on the form.
_PREFILL = {
    "business_name": ("business_legal_name", "business_name"),
    "business_registration_number": ("business_registration_number",),
    "website_url": ("business_website_url", "business_website"),
    "business_identity": ("business_identity_type",),
    "first_name": ("authorized_representative1_first_name", "business_contact_first_name"),
    "last_name": ("authorized_representative1_last_name", "business_contact_last_name"),
    "email": ("authorized_representative1_email", "business_contact_email", "individual_email"),
    "phone_number": ("authorized_representative1_phone", "business_contact_phone"),
    "street": ("address_street", "business_street_address"),
    "street_secondary": ("address_street_secondary", "business_street_address2"),
    "city": ("address_city", "business_city"),
    "region": ("address_subdivision", "business_state_province_region"),
    "postal_code": ("address_postal_code", "business_postal_code"),
    "iso_country": ("address_country_code", "business_country"),
}
# Fields of the address whose names say nothing to a person.
_LABELS = {"iso_country": "Country, as two letters", "street_secondary": "Street, second line"}


def routes(hub: Any) -> list[Route]:
    path = "/console/inquiries/{sid}"
    return [
        Route(path, _show(hub), methods=["GET"]),
        Route(path, _send(hub), methods=["POST"]),
    ]


def _token_of(request: Request) -> str:
    return parse_query(request.scope["query_string"]).get("token", "")


def _show(hub: Any) -> Any:
    async def show(request: Request) -> Response:
        sid = request.path_params["sid"]

        def work(store: SqlStore) -> Response:
            inquiry, bundle = inquiries.opened(store, hub.now(), sid, _token_of(request))
            return _form(inquiry, bundle)

        try:
            answer: Response = await hub.read(work)
            return answer
        except Refused as refused:
            return _refused(refused)

    return show


def _send(hub: Any) -> Any:
    async def send(request: Request) -> Response:
        sid = request.path_params["sid"]
        given: dict[str, str] = {}
        try:
            given = dict(await read_form(request))

            def work(store: SqlStore) -> Response:
                _, bundle = inquiries.opened(store, hub.now(), sid, _token_of(request))
                owner = store.owner_of(bundle.account_sid) or bundle.account_sid
                sent = inquiries.answer(store, hub.now(), bundle, owner, given, hub.vetting)
                return page("inquiry_sent.html", bundle=sent)

            answer: Response = await hub.write(work)
            return answer
        except Refused as refused:
            return await _again(hub, request, given, refused)

    return send


async def _again(hub: Any, request: Request, given: dict[str, str], refused: Refused) -> Response:
    """The form as it was sent, and why it was not taken. The pages are not stored, so that a
    browser's way back would lead to an empty one."""

    def work(store: SqlStore) -> Response:
        sid, token = request.path_params["sid"], _token_of(request)
        inquiry, bundle = inquiries.opened(store, hub.now(), sid, token)
        return _form(inquiry, bundle, given, refused)

    try:
        answer: Response = await hub.read(work)
        return answer
    except Refused as closed:
        return _refused(closed)


def _form(
    inquiry: Inquiry,
    bundle: Bundle,
    given: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Response:
    """With what was typed (``section.field`` keys) and why it was refused, where it was sent."""
    policy = policies.find(bundle.policy_sid)
    return page(
        "inquiry.html",
        status_of(refused) if refused else 200,
        because=refused.because if refused else "",
        bundle=bundle,
        policy=policy,
        open=lifecycle.permits(bundle, "edit"),
        sections=[_drawn(section, inquiry, given or {}) for section in inquiries.sections(bundle)],
    )


def _drawn(section: Section, inquiry: Inquiry, given: dict[str, str]) -> dict[str, Any]:
    """A section as the template needs it: label, allowed values, what is known or was typed."""
    kind = types.end_user_type(section.type)
    fields = []
    for name in section.fields:
        field = kind.field(name) if kind else None
        known = next(
            (inquiry.prefill[k] for k in (name, *_PREFILL.get(name, ())) if inquiry.prefill.get(k)),
            "",
        )
        fields.append(
            {
                "name": f"{section.type}.{name}",
                "label": field.friendly_name if field else _label(name),
                "required": not section.optional
                and (field.required if field else name != "street_secondary"),
                "values": sorted(field.values) if field and not field.many else [],
                "value": given.get(f"{section.type}.{name}", known),
            }
        )
    return {"title": section.title, "optional": section.optional, "fields": fields}


def _label(name: str) -> str:
    return _LABELS.get(name, name.replace("_", " ").capitalize())


def _refused(refused: Refused) -> Response:
    if refused.reason is Reason.NOT_FOUND:
        refused = Refused(Reason.NOT_FOUND, "There is no such link.")
    return refusal(refused)
