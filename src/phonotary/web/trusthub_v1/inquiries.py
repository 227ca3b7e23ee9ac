"""ComplianceInquiries on the wire. The ``url`` that comes back opens a page of ours."""

from __future__ import annotations

from typing import Any

from phonotary.trusthub import inquiries
from phonotary.web.forms import Field
from phonotary.web.operations import Call, Operation

_ROOT = "/v1/ComplianceInquiries"

_REGISTRATION_TEXT = """
BusinessLegalName NotificationEmail BusinessRegistrationNumber BusinessWebsiteUrl FriendlyName
AuthorizedRepresentative1FirstName AuthorizedRepresentative1LastName
AuthorizedRepresentative1Phone AuthorizedRepresentative1Email
AuthorizedRepresentative1DateOfBirth AddressStreet AddressStreetSecondary AddressCity
AddressSubdivision AddressPostalCode AddressCountryCode EmergencyAddressStreet
EmergencyAddressStreetSecondary EmergencyAddressCity EmergencyAddressSubdivision
EmergencyAddressPostalCode EmergencyAddressCountryCode FileName FirstName LastName DateOfBirth
IndividualEmail IndividualPhone IsvRegisteringForSelfOrTenant StatusCallbackUrl ThemeSetId
""".split()
_REGISTRATION_FLAGS = "AcceptedNotificationReceipt UseAddressAsEmergencyAddress IsIsvEmbed".split()
_REGISTRATION_FORM = (
    Field("EndUserType", required=True, one_of=("Individual", "Business")),
    Field("PhoneNumberType", required=True, one_of=("local", "national", "mobile", "toll-free")),
    Field("BusinessIdentityType", one_of=("direct_customer", "isv_reseller_or_partner", "unknown")),
    Field(
        "BusinessRegistrationAuthority", one_of=("UK:CRN", "US:EIN", "CA:CBN", "AU:ACN", "Other")
    ),
    *(Field(name) for name in _REGISTRATION_TEXT),
    *(Field(name, kind="bool") for name in _REGISTRATION_FLAGS),
)
_TOLLFREE_TEXT = """
CustomerProfileSid BusinessName BusinessWebsite UseCaseCategories UseCaseSummary
ProductionMessageSample OptInImageUrls MessageVolume BusinessStreetAddress BusinessStreetAddress2
BusinessCity BusinessStateProvinceRegion BusinessPostalCode BusinessCountry AdditionalInformation
BusinessContactFirstName BusinessContactLastName BusinessContactEmail BusinessContactPhone
ThemeSetId BusinessRegistrationNumber BusinessRegistrationAuthority BusinessRegistrationCountry
DoingBusinessAs OptInConfirmationMessage HelpMessageSample PrivacyPolicyUrl TermsAndConditionsUrl
ExternalReferenceId OptInKeywords VettingId VettingProvider
""".split()
_TOLLFREE_FORM = (
    Field("TollfreePhoneNumber", required=True),
    Field("NotificationEmail", required=True),
    Field("OptInType", one_of=("VERBAL", "WEB_FORM", "PAPER_FORM", "VIA_TEXT", "MOBILE_QR_CODE")),
    Field(
        "BusinessType",
        one_of=("PRIVATE_PROFIT", "PUBLIC_PROFIT", "NON_PROFIT", "SOLE_PROPRIETOR", "GOVERNMENT"),
    ),
    *(Field(name) for name in _TOLLFREE_TEXT),
    *(Field(name, kind="bool") for name in ("SkipMessagingUseCase", "AgeGatedContent")),
)


def _session(key: str) -> Any:
    """``key`` is customer_id or registration_id; the token is good for the page's link too."""

    def render(session: inquiries.Session, call: Call) -> dict[str, Any]:
        sid = session.inquiry.sid
        return {
            "inquiry_id": sid,
            "inquiry_session_token": session.token,
            key: session.resource_id,
            "url": f"{call.origin}/console/inquiries/{sid}?token={session.token}",
        }

    return render


def _customer(call: Call) -> inquiries.Session:
    call.form.pop("theme_set_id", None)
    return inquiries.for_customer(call.store, call.party, call.now, **call.form)


def _registration(call: Call) -> inquiries.Session:
    form = dict(call.form)
    return inquiries.for_registration(
        call.store, call.party, call.now, end_user_type=form["end_user_type"], prefill=form
    )


def _tollfree(call: Call) -> inquiries.Session:
    form = dict(call.form)
    number = form.pop("tollfree_phone_number")
    return inquiries.for_tollfree(
        call.store, call.party, call.now, phone_number=number, prefill=form
    )


OPERATIONS = (
    Operation(
        "POST",
        f"{_ROOT}/Customers/Initialize",
        _customer,
        _session("customer_id"),
        (Field("PrimaryProfileSid"), Field("NotificationEmail"), Field("ThemeSetId")),
        201,
    ),
    Operation(
        "POST",
        f"{_ROOT}/Customers/{{customer_id}}/Initialize",
        lambda c: inquiries.resume_customer(
            c.store,
            c.party,
            c.now,
            c.path["customer_id"],
            primary_profile_sid=c.form["primary_profile_sid"],
        ),
        _session("customer_id"),
        (Field("PrimaryProfileSid", required=True), Field("ThemeSetId")),
    ),
    Operation(
        "POST",
        f"{_ROOT}/Registration/RegulatoryCompliance/GB/Initialize",
        _registration,
        _session("registration_id"),
        _REGISTRATION_FORM,
        201,
    ),
    Operation(
        "POST",
        f"{_ROOT}/Registration/{{registration_id}}/RegulatoryCompliance/GB/Initialize",
        lambda c: inquiries.resume_registration(c.store, c.party, c.now, c.path["registration_id"]),
        _session("registration_id"),
        (Field("IsIsvEmbed", kind="bool"), Field("ThemeSetId")),
    ),
    Operation(
        "POST",
        f"{_ROOT}/Tollfree/Initialize",
        _tollfree,
        _session("registration_id"),
        _TOLLFREE_FORM,
        201,
    ),
)
