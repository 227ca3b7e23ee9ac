"""A customer's way through both guides with Twilio's own Python client.

``python guides.py sync|async``. Flow A is the SHAKEN/STIR guide for ISVs with a single project,
flow B the CNAM guide on the profile that A got approved, each in the guide's own order. Every step
asserts what the server now holds, not merely that the call returned. The last line of output is
JSON for the caller.

The asynchronous client differs only in that its verbs end in ``_async`` and are awaited, so one
program serves both: ``call`` chooses the verb.
"""

import asyncio
import inspect
import json
import os
import sys
from datetime import datetime
from pathlib import Path

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

BUSINESS = json.loads((Path(__file__).parents[1] / "business.json").read_text("utf-8"))
SECONDARY = "RNdfbf3fae0e1107f8aded0e7cead80bf5"
SHAKEN = "RN7a97559effdf62d00f4298208492a5ea"
CNAM = "RNf3db3cd1fe25fcfd3c3ded065c8fea53"
ASYNC = sys.argv[1] == "async"
PLAIN = (str, int, float, bool, dict, list, datetime, type(None))


def connect():
    http_client = None
    if ASYNC:
        from twilio.http.async_http_client import AsyncTwilioHttpClient

        http_client = AsyncTwilioHttpClient()
    client = Client(http_client=http_client)
    client.trusthub.base_url = client.api.base_url = os.environ["PHONOTARY_URL"]
    return client


async def call(resource, verb, **arguments):
    answer = getattr(resource, verb + "_async" if ASYNC else verb)(**arguments)
    return await answer if inspect.isawaitable(answer) else answer


class Bundle:
    """A customer profile and a trust product are one kind of thing under two sets of names."""

    def __init__(self, client, path, sid):
        self.sid = sid
        self.itself = getattr(client.trusthub.v1, path)(sid)
        self.entities = getattr(self.itself, f"{path}_entity_assignments")
        self.numbers = getattr(self.itself, f"{path}_channel_endpoint_assignment")
        self.evaluations = getattr(self.itself, f"{path}_evaluations")


def state(record):
    """All that a record says, without the doors it opens to other resources."""
    names = (name for name in dir(record) if not name.startswith("_"))
    found = {name: getattr(record, name) for name in names}
    return {name: value for name, value in found.items() if isinstance(value, PLAIN)}


async def create(collection, **sent):
    """What was sent is what create answers, what fetch answers and what the list holds."""
    answer = await call(collection, "create", **sent)
    assert sent.items() <= state(answer).items(), (sent, state(answer))
    assert isinstance(answer.date_created, datetime), answer.date_created
    assert state(await call(collection(answer.sid), "fetch")) == state(answer)
    assert answer.sid in await sids(collection)
    return answer


async def sids(collection):
    """Every sid of a list, read two at a time to its end; no row may come twice."""
    found = [row.sid for row in await call(collection, "list", page_size=2)]
    assert len(set(found)) == len(found), found
    return found


async def assign(bundle, object_sid):
    return await create(bundle.entities, object_sid=object_sid)


async def assign_number(bundle, number):
    await create(
        bundle.numbers, channel_endpoint_type="phone-number", channel_endpoint_sid=number.sid
    )


async def evaluate(bundle, policy_sid):
    evaluation = await create(bundle.evaluations, policy_sid=policy_sid)
    assert evaluation.status == "compliant", evaluation.results


async def submit(bundle):
    answer = await call(bundle.itself, "update", status="pending-review")
    assert answer.status == "pending-review", answer.status
    decided = await call(bundle.itself, "fetch")
    errors = getattr(decided, "errors", None)  # twilio 7 does not know the field
    assert (decided.status, errors or []) == ("twilio-approved", []), (decided.status, errors)


async def remove(resource):
    assert await call(resource, "delete") is True
    try:
        await call(resource, "fetch")
    except TwilioRestException as gone:
        assert (gone.status, gone.code) == (404, 20404), gone
    else:
        raise AssertionError(f"{resource} was deleted and is still there")


async def own_number(client):
    every = await call(client.incoming_phone_numbers, "list", page_size=2)
    return next(n for n in every if n.phone_number == os.environ["PHONE_NUMBER"])


async def business_profile(client, number):
    v1 = client.trusthub.v1
    created = await create(
        v1.customer_profiles,
        friendly_name="Secondary business profile",
        email=BUSINESS["email"],
        policy_sid=SECONDARY,
    )
    profile = Bundle(client, "customer_profiles", created.sid)
    await assign(profile, os.environ["PRIMARY_PROFILE_SID"])

    address = await create(client.addresses, **BUSINESS["address"])
    document = await create(
        v1.supporting_documents,
        friendly_name="Address of the business",
        type="customer_profile_address",
        attributes={"address_sids": address.sid},
    )
    await assign(profile, document.sid)
    for kind, attributes in BUSINESS["end_users"].items():
        end_user = await create(v1.end_users, friendly_name=kind, type=kind, attributes=attributes)
        await assign(profile, end_user.sid)
    await assign_number(profile, number)
    await evaluate(profile, SECONDARY)
    await submit(profile)
    # The primary profile, the document, the business and its representative.
    assert len(await sids(profile.entities)) == 4
    return profile


async def trust_product(client, policy_sid, friendly_name):
    created = await create(
        client.trusthub.v1.trust_products,
        friendly_name=friendly_name,
        email=BUSINESS["email"],
        policy_sid=policy_sid,
    )
    return Bundle(client, "trust_products", created.sid)


async def shaken_product(client, profile, number):
    product = await trust_product(client, SHAKEN, "SHAKEN/STIR")
    await assign(product, profile.sid)
    await assign_number(product, number)
    await evaluate(product, SHAKEN)
    await submit(product)
    return product


async def name_to_show(client, display_name):
    return await create(
        client.trusthub.v1.end_users,
        friendly_name="Name to show",
        type="cnam_information",
        attributes={"cnam_display_name": display_name},
    )


async def cnam_product(client, profile, number):
    product = await trust_product(client, CNAM, "CNAM")
    await assign(product, profile.sid)
    end_user = await name_to_show(client, BUSINESS["display_name"])
    await assign(product, end_user.sid)
    await assign_number(product, number)
    await evaluate(product, CNAM)
    await submit(product)
    return product


async def second_thoughts(client):
    """What a customer takes back is gone: first out of the bundle, then altogether."""
    v1 = client.trusthub.v1
    product = await trust_product(client, CNAM, "Given up")
    end_user = await name_to_show(client, "Given up")
    assignment = await assign(product, end_user.sid)
    await remove(product.entities(assignment.sid))
    await remove(v1.end_users(end_user.sid))
    await remove(product.itself)
    assert product.sid not in await sids(v1.trust_products)


async def main():
    client = connect()
    try:
        number = await own_number(client)
        profile = await business_profile(client, number)
        shaken = await shaken_product(client, profile, number)
        cnam = await cnam_product(client, profile, number)
        await second_thoughts(client)
    finally:
        if ASYNC:
            await client.http_client.close()
    made = {"profile_sid": profile.sid, "shaken_sid": shaken.sid, "cnam_sid": cnam.sid}
    print(json.dumps({**made, "number_sid": number.sid, "phone_number": number.phone_number}))


asyncio.run(main())
