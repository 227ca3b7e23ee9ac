"""The policies against what the guides and the twilio-oai examples publish."""

from __future__ import annotations

import copy

import pytest

from phonotary.trusthub import policies, types

PRIMARY_TYPE = "primary_customer_profile_type_business"
SECONDARY_TYPE = "secondary_customer_profile_type_business"


def test_the_secondary_policy_is_the_documented_one() -> None:
    wire = policies.named("secondary_business").wire()
    assert wire["sid"] == "RNdfbf3fae0e1107f8aded0e7cead80bf5"
    assert wire["friendly_name"] == "Secondary Customer Profile of type Business"
    assert set(wire) == {"sid", "friendly_name", "requirements"}
    needs = wire["requirements"]
    assert needs["supporting_trust_products"] == []
    assert needs["supporting_customer_profiles"] == [
        {
            "type": PRIMARY_TYPE,
            "name": "Primary Customer Profile Bundle",
            "requirement_name": "primary_customer_profile",
        }
    ]
    assert needs["end_user"][0] == {
        "url": "/EndUserTypes/customer_profile_business_information",
        "fields": [
            "business_type",
            "business_registration_number",
            "business_name",
            "business_registration_identifier",
            "business_identity",
            "business_industry",
            "website_url",
            "business_regions_of_operation",
            "social_media_profile_urls",
        ],
        "type": "customer_profile_business_information",
        "name": "Business Information",
        "requirement_name": "customer_profile_business_information",
    }
    assert [each["name"] for each in needs["end_user"]] == [
        "Business Information",
        "Authorized Representative #1",
        "Authorized Representative #2",
    ]
    assert needs["supporting_document"] == [
        [
            {
                "description": "Customer Profile HQ Physical Address",
                "type": "document",
                "name": "Physical Business Address",
                "accepted_documents": [
                    {
                        "url": "/SupportingDocumentTypes/customer_profile_address",
                        "fields": ["address_sids"],
                        "type": "customer_profile_address",
                        "name": "Physical Business Address",
                    }
                ],
                "requirement_name": "customer_profile_address",
            }
        ]
    ]


def test_no_documents_is_one_empty_group() -> None:
    for key in ("sole_proprietor", "shaken_stir", "cnam", "voice_integrity"):
        assert policies.named(key).requirements["supporting_document"] == [[]], key


@pytest.mark.parametrize(
    ("sid", "key", "kind", "role"),
    [
        (policies.PRIMARY, "primary_business", "customer_profile", "primary"),
        (policies.SECONDARY, "secondary_business", "customer_profile", "secondary"),
        (
            "RN806dd6cd175f314e1f96a9727ee271f4",
            "starter_business",
            "customer_profile",
            "starter",
        ),
        (policies.SHAKEN_STIR, "shaken_stir", "trust_product", "product"),
        (policies.CNAM, "cnam", "trust_product", "product"),
        (policies.VOICE_INTEGRITY, "voice_integrity", "trust_product", "product"),
    ],
)
def test_kind_and_role_are_ours(sid: str, key: str, kind: str, role: str) -> None:
    policy = policies.find(sid)
    assert policy is not None
    assert (policy.key, policy.kind, policy.role) == (key, kind, role)
    assert policies.named(key) is policy


def test_an_invented_sid_is_no_policy() -> None:
    # This one is found in public code: right in its first half, wrong in its second.
    assert policies.find("RNdfbf3fae0e1107f8aded988d3201a2c1") is None
    with pytest.raises(KeyError):
        policies.named("nothing")


@pytest.mark.parametrize("key", ["shaken_stir", "cnam", "voice_integrity", "a2p_local_business"])
def test_a_product_takes_a_primary_or_a_secondary_profile(key: str) -> None:
    policy = policies.named(key)
    assert policy.inferred
    (need,) = policy.supporting_profiles
    assert need.requirement_name == "customer_profile"
    assert [each.type for each in need.accepted] == [PRIMARY_TYPE, SECONDARY_TYPE]


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("shaken_stir", []),
        ("cnam", [("cnam_information", ("cnam_display_name",))]),
        (
            "voice_integrity",
            [
                (
                    "voice_integrity_information",
                    (
                        "use_case",
                        "business_employee_count",
                        "average_business_day_call_volume",
                        "notes",
                    ),
                )
            ],
        ),
    ],
)
def test_products_ask_for_what_the_guides_file(
    key: str, wanted: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert [(each.type, each.fields) for each in policies.named(key).end_users] == wanted


def test_alternatives_share_a_requirement_name() -> None:
    (need,) = policies.named("sole_proprietor").supporting_profiles
    assert [each.type for each in need.accepted] == [
        "starter_customer_profile_type_business",
        "starter_customer_profile_type_direct_long_tail",
    ]


def test_document_groups_stay_apart() -> None:
    row = {
        "document": {
            "sid": "RN1",
            "friendly_name": "Two groups",
            "requirements": copy.deepcopy(policies.named("secondary_business").requirements),
        },
        "ours": {
            "key": "two",
            "kind": "customer_profile",
            "role": "secondary",
            "stands_for": [],
            "optional": [],
            "us_long_codes_only": False,
            "source": "test",
            "confidence": "test",
            "inferred": True,
        },
    }
    groups = row["document"]["requirements"]["supporting_document"]  # type: ignore[index]
    groups.append(copy.deepcopy(groups[0]))
    assert [len(group) for group in policies.read(row).document_groups] == [1, 1]


def test_a_row_without_its_own_half_is_refused() -> None:
    with pytest.raises(KeyError):
        policies.read({"document": policies.named("cnam").wire()})


def test_the_starter_profile_is_no_primary() -> None:
    # Users took it for one; the evaluator then says that the bundle is null.
    starter = policies.named("starter_business").sid
    assert not policies.stands_for(starter, PRIMARY_TYPE)
    assert policies.stands_for(policies.PRIMARY, PRIMARY_TYPE)
    assert not policies.stands_for(policies.SECONDARY, PRIMARY_TYPE)
    assert not policies.stands_for("RN" + "0" * 32, PRIMARY_TYPE)


def test_nonprofit_and_government_profiles_stand_for_a_business() -> None:
    for key in ("primary_nonprofit", "primary_government"):
        assert policies.stands_for(policies.named(key).sid, PRIMARY_TYPE), key
    for key in ("secondary_nonprofit", "secondary_government"):
        assert policies.stands_for(policies.named(key).sid, SECONDARY_TYPE), key
    assert not policies.stands_for(policies.named("primary_individual").sid, PRIMARY_TYPE)


def test_only_cnam_is_bound_to_us_long_codes() -> None:
    assert [p.key for p in policies.POLICIES if p.us_long_codes_only] == ["cnam"]


def test_the_second_representative_is_optional() -> None:
    assert policies.named("primary_business").optional == {"authorized_representative_2"}
    assert policies.named("secondary_business").optional == {"authorized_representative_2"}


def test_every_policy_is_whole() -> None:
    every = policies.POLICIES
    assert len(every) == len({p.sid for p in every}) == len({p.key for p in every}) == 25
    supporting = {name for p in every for name in p.stands_for}
    for policy in every:
        assert policy.source, policy.key
        for need in policy.end_users:
            kind = types.end_user_type(need.type)
            assert kind is not None, need.type
            assert set(need.fields) <= {each.machine_name for each in kind.fields}, need.type
        papers = [each for group in policy.document_groups for each in group]
        for accepted in (each for paper in papers for each in paper.accepted):
            assert types.supporting_document_type(accepted.type) is not None, accepted.type
        for bundle in (*policy.supporting_profiles, *policy.supporting_products):
            assert all(each.type in supporting for each in bundle.accepted), policy.key


def test_the_policies_of_our_own_say_so() -> None:
    ours = [policy for policy in policies.POLICIES if policy.confidence == "ours"]
    assert [policy.key for policy in ours] == ["gb_business", "gb_individual"]
    assert all(policy.inferred for policy in ours)
