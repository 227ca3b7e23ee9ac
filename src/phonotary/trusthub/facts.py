"""What a bundle holds, gathered for the judges (``evaluation`` and ``vetting``)."""

from __future__ import annotations

from phonotary.trusthub import bundles, evaluation
from phonotary.trusthub.records import Bundle, EndUser, SupportingDocument
from phonotary.trusthub.store import Store


def facts_of(store: Store, bundle: Bundle) -> evaluation.BundleFacts:
    """The facts of one bundle, its linked bundles' contents one level deep included."""
    end_users, documents, linked = _contents(store, bundle.sid)
    supporting = []
    every = list(documents)
    for other in linked:
        theirs, papers, _ = _contents(store, other.sid)
        every += papers
        supporting.append(
            evaluation.SupportingBundle(
                sid=other.sid,
                policy_sid=other.policy_sid,
                status=other.status,
                valid_until=other.valid_until,
                end_users=tuple(_end_user(e) for e in theirs),
                documents=tuple(_document(d) for d in papers),
            )
        )
    return evaluation.BundleFacts(
        kind="customer_profile" if bundle.kind == "customer_profile" else "trust_product",
        end_users=tuple(_end_user(e) for e in end_users),
        documents=tuple(_document(d) for d in documents),
        addresses=_addresses(store, every),
        bundles=tuple(supporting),
        numbers=_numbers(store, bundle.sid),
    )


def end_users_of(store: Store, bundle: Bundle) -> list[EndUser]:
    """Those assigned to the bundle itself; of its documents, bundles and numbers nothing is read,
    and there may be thousands."""
    assigned = store.entity_assignments.all(bundle_sid=bundle.sid)
    sids = (each.object_sid for each in assigned if each.object_sid.startswith("IT"))
    found = (store.end_users.get(sid) for sid in sids)
    return [end_user for end_user in found if end_user]


def _contents(
    store: Store, bundle_sid: str
) -> tuple[list[EndUser], list[SupportingDocument], list[Bundle]]:
    end_users: list[EndUser] = []
    documents: list[SupportingDocument] = []
    linked: list[Bundle] = []
    for assignment in store.entity_assignments.all(bundle_sid=bundle_sid):
        sid = assignment.object_sid
        if sid.startswith("IT") and (end_user := store.end_users.get(sid)):
            end_users.append(end_user)
        elif sid.startswith("RD") and (document := store.documents.get(sid)):
            documents.append(document)
        elif sid.startswith("BU") and (bundle := store.bundles.get(sid)):
            linked.append(bundle)
    return end_users, documents, linked


def _addresses(store: Store, documents: list[SupportingDocument]) -> dict[str, evaluation.Address]:
    found: dict[str, evaluation.Address] = {}
    for document in documents:
        for sid in bundles.address_sids(document.attributes):
            address = store.addresses.get(sid)
            if address is None or address.account_sid != document.account_sid:
                continue
            found[sid] = evaluation.Address(
                sid=sid,
                customer_name=address.customer_name,
                street=address.street,
                street_secondary=address.street_secondary or "",
                city=address.city,
                region=address.region,
                postal_code=address.postal_code,
                iso_country=address.iso_country,
            )
    return found


def _numbers(store: Store, bundle_sid: str) -> tuple[str, ...]:
    assigned = store.endpoint_assignments.all(bundle_sid=bundle_sid)
    numbers = (store.numbers.get(each.channel_endpoint_sid) for each in assigned)
    return tuple(number.phone_number for number in numbers if number)


def _end_user(end_user: EndUser) -> evaluation.EndUser:
    return evaluation.EndUser(end_user.sid, end_user.type, end_user.attributes)


def _document(document: SupportingDocument) -> evaluation.Document:
    return evaluation.Document(document.sid, document.type, document.attributes)
