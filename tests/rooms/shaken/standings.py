"""What the bundles say of a number that deserves an A."""

from __future__ import annotations

from phonotary.shaken.ports import ShownAs, Standing

CALLER = "AC" + "1" * 32
BEST = Standing(
    account_sid=CALLER,
    account_known=True,
    number_ours=True,
    number_right_valid=True,
    profile_sid="BU" + "2" * 32,
    profile_vouching=True,
    product_sid="BU" + "3" * 32,
    product_vouching=True,
    product_linked=True,
    number_on_profile=True,
    number_on_product=True,
    account_vouched=True,
    display=ShownAs("Owl Telecom"),
)
