"""Every "no" has an answer in Twilio's dialect, and none of its codes is made up."""

from __future__ import annotations

import pytest

from phonotary.errors import Reason
from phonotary.trusthub import codes
from phonotary.web.refusals import DIALECT

NO_CODE_OF_ITS_OWN = 400


def test_every_reason_has_a_row() -> None:
    assert set(DIALECT) == set(Reason)


@pytest.mark.parametrize("reason", DIALECT)
def test_a_code_is_in_the_dictionary_or_is_trust_hubs_400(reason: Reason) -> None:
    status, code = DIALECT[reason]
    assert code == NO_CODE_OF_ITS_OWN or codes.find(code) is not None
    assert 400 <= status < 500 or reason is Reason.UNAVAILABLE
