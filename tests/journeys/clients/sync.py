"""A program for twilio-python that has never heard of a sandbox."""

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

POLICY = "RNdfbf3fae0e1107f8aded0e7cead80bf5"
profiles = Client().trusthub.v1.customer_profiles


def error_of(sid):
    try:
        profiles(sid).fetch()
    except TwilioRestException as error:
        return error.status, error.code
    return None


made = [
    profiles.create(friendly_name=f"Python {i}", email="a@example.com", policy_sid=POLICY).sid
    for i in range(5)
]
seen = [profile.sid for profile in profiles.list(page_size=2)]
assert set(made) <= set(seen)
assert error_of("BU" + "0" * 32) == (404, 20404)
assert all(profiles(sid).delete() is True for sid in made)
assert error_of(made[0]) == (404, 20404)
print(f"made {len(made)}, all listed, 404/20404, deleted")
