"""The same for twilio-python's asynchronous client, which reads no proxy variable of its own."""

import asyncio

from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

POLICY = "RNdfbf3fae0e1107f8aded0e7cead80bf5"


async def error_of(profiles, sid):
    try:
        await profiles(sid).fetch_async()
    except TwilioRestException as error:
        return error.status, error.code
    return None


async def main():
    async with AsyncTwilioHttpClient() as http:
        profiles = Client(http_client=http).trusthub.v1.customer_profiles
        made = []
        for i in range(5):
            profile = await profiles.create_async(
                friendly_name=f"asyncio {i}", email="a@example.com", policy_sid=POLICY
            )
            made.append(profile.sid)
        seen = [profile.sid for profile in await profiles.list_async(page_size=2)]
        assert set(made) <= set(seen)
        assert await error_of(profiles, "BU" + "0" * 32) == (404, 20404)
        assert all([await profiles(sid).delete_async() is True for sid in made])
        assert await error_of(profiles, made[0]) == (404, 20404)
        print(f"made {len(made)}, all listed, 404/20404, deleted")


asyncio.run(main())
