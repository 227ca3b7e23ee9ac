"""Looking at a logo before it is approved: one careful GET, and the digest of what came."""

from __future__ import annotations

import asyncio

from phonotary import report
from phonotary.cnam import display
from phonotary.outbound.fetch import Fetcher
from phonotary.shaken.verdicts import Unobtainable
from phonotary.trusthub.display import Logo

PATIENCE = 5.0
"""Seconds that a logo may take."""


class Logos:
    """Fetches logos; one for each hub."""

    def __init__(self, lab: frozenset[str] = frozenset(), fetcher: Fetcher | None = None) -> None:
        """``lab`` are the origins that :class:`Fetcher` may reach on this machine."""
        # One byte more than is allowed, so that too large a logo is told by the logo's own rule.
        self._fetcher = fetcher or Fetcher(lab=lab, most=display.LOGO_BYTES + 1)

    async def look(self, url: str) -> Logo:
        """What is behind ``url``: a digest where it is a logo by the rules, else why it is none."""
        try:
            async with asyncio.timeout(PATIENCE):
                content = (await self._fetcher.get(url, "image/bmp")).body
        except Unobtainable as fault:
            because = fault.because.replace("The repository", "The logo's server")
            return Logo(url, None, because, reached=fault.fault == "size")
        except TimeoutError:
            because = f"Nothing came within {PATIENCE:.0f} seconds."
            return Logo(url, None, because, reached=False)
        except Exception as error:
            # An address that not even an error was foreseen for must not hold up all the others.
            report.to("phonotary.work").exception("a logo could not be fetched")
            return Logo(url, None, f"It failed: {type(error).__name__}.", reached=False)
        wrong = [each.sentence for each in display.logo_findings(content)]
        if wrong:
            return Logo(url, None, " ".join(wrong))
        return Logo(url, display.logo_digest(content))

    async def close(self) -> None:
        await self._fetcher.close()
