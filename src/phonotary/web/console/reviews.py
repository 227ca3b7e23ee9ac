"""``/console/reviews``: what waits for a decision, and the decision. Reviewers only.

:mod:`phonotary.web.console.signing_in` says who that is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.storage.store import SqlStore
from phonotary.trusthub import codes, display, evaluation, facts, policies, review, standing
from phonotary.trusthub.lifecycle import By
from phonotary.trusthub.records import Bundle
from phonotary.trusthub.store import Ask, Store
from phonotary.web.bodies import Form
from phonotary.web.console import signing_in
from phonotary.web.console.deciding import by_form
from phonotary.web.console.page import page, refusal

_WAITING = ("pending-review", "in-review")
# Numbers of one bundle whose display is shown.
_SHOWN = 20


def routes(hub: Any) -> list[Route]:
    return [
        Route("/console/reviews", _list(hub), methods=["GET"]),
        Route("/console/reviews/{sid}", _show(hub), methods=["GET"]),
        Route("/console/reviews/{sid}", _decide(hub), methods=["POST"]),
    ]


def _list(hub: Any) -> Any:
    async def show(request: Request) -> Response:
        if signing_in.reviewer(hub, request) is None:
            return signing_in.unknown()

        def work(store: SqlStore) -> Response:
            waiting = store.bundles.page(Ask(200), {"status": _WAITING}).rows
            names = {policy.sid: policy.friendly_name for policy in policies.POLICIES}
            return page("reviews.html", bundles=waiting, names=names)

        return await _answered(hub.read, work)

    return show


def _show(hub: Any) -> Any:
    async def show(request: Request) -> Response:
        if signing_in.reviewer(hub, request) is None:
            return signing_in.unknown()

        def work(store: SqlStore) -> Response:
            bundle = _bundle(store, request)
            policy = policies.find(bundle.policy_sid)
            held = facts.facts_of(store, bundle)
            return page(
                "review.html",
                bundle=bundle,
                policy=policy,
                facts=held,
                shown=_shown(store, held.numbers, hub.now()),
                evaluation=evaluation.evaluate(policy, held) if policy else None,
                history=store.history(bundle.sid),
                codes=codes.rejections(),
                waiting=bundle.status in _WAITING,
            )

        return await _answered(hub.read, work)

    return show


def _shown(
    store: SqlStore, numbers: tuple[str, ...], now: Instant
) -> list[tuple[str, display.Displayed]]:
    """What counts for the first numbers of a bundle, whichever products that is from."""
    reading = cast(Store, store)
    found = (store.numbers.first(phone_number=each) for each in numbers[:_SHOWN])
    return [
        (
            number.phone_number,
            display.of_number(reading, standing.bundles_with(reading, number), now),
        )
        for number in found
        if number
    ]


def _decide(hub: Any) -> Any:
    async def decide(request: Request, reviewer: str, form: Form) -> Response:
        verdict = _verdict(form)
        if verdict.approve:
            # What is approved is what is behind its address now, so it is looked at now.
            logo = await hub.logo_of(request.path_params["sid"])
            verdict = replace(verdict, logo=logo)

        def work(store: SqlStore) -> Response:
            bundle = _bundle(store, request)
            _act(store, hub.now(), bundle, form.get("decision", ""), verdict, reviewer)
            return RedirectResponse(f"/console/reviews/{bundle.sid}", 303)

        answer: Response = await hub.write(work)
        return answer

    return by_form(hub, decide)


def _act(
    store: SqlStore,
    now: Instant,
    bundle: Bundle,
    decision: str,
    verdict: review.Verdict,
    reviewer: str,
) -> None:
    """One button of the desk."""
    if decision == "suspend":
        review.suspend(store, now, bundle, reviewer, verdict.because)
    elif decision in ("claim", "release"):
        review.take(store, now, bundle, decision, By.REVIEWER, reviewer)
    elif decision in ("approve", "reject"):
        review.decide(store, now, bundle, verdict, By.REVIEWER, reviewer)
    else:
        raise Refused(Reason.INVALID_PARAMETER, "Choose one of the desk's buttons")


def _verdict(form: Form) -> review.Verdict:
    text = form.get("codes", "").replace(",", " ").split()
    if not all(code.isdecimal() and len(code) <= 6 for code in text):
        raise Refused(Reason.INVALID_PARAMETER, "Codes are numbers of the catalogue")
    approve = form.get("decision") == "approve"
    if approve and text:
        raise Refused(
            Reason.INVALID_PARAMETER, "Codes are for a rejection; to approve, take them out"
        )
    return review.Verdict(
        approve=approve,
        codes=tuple(int(code) for code in text),
        because=form.get("because", "")[:2000],
    )


def _bundle(store: SqlStore, request: Request) -> Bundle:
    bundle = store.bundles.get(request.path_params["sid"])
    if bundle is None:
        raise Refused(Reason.NOT_FOUND, "There is no such bundle")
    return bundle


async def _answered(run: Any, work: Any) -> Response:
    try:
        answer: Response = await run(work)
        return answer
    except Refused as refused:
        return refusal(refused)
