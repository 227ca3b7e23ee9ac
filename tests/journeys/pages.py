"""A browser's view of a page, as far as forms go: what a person could fill in and send."""

from __future__ import annotations

from html.parser import HTMLParser


class Form(HTMLParser):
    """The fields of the first form of a page: names, required ones, choices and values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.required: set[str] = set()
        self.choices: dict[str, list[str]] = {}
        self.text: list[str] = []
        self._select = ""
        self._option: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in ("input", "select", "textarea") and found.get("name"):
            name = found["name"]
            self.values[name] = found.get("value", "")
            if "required" in found:
                self.required.add(name)
            if tag == "select":
                self._select = name
                self.choices[name] = []
        if tag == "option":
            self._option = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "option" and self._option is not None and self._select:
            self.choices[self._select].append("".join(self._option))
            self._option = None
        if tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._option is not None:
            self._option.append(data)
        elif data.strip():
            self.text.append(data.strip())

    def filled(self, answers: dict[str, str]) -> dict[str, str]:
        """The form's own values with ``answers`` typed over them, by the field's last name."""
        sent = dict(self.values)
        for name in sent:
            short = name.rsplit(".", 1)[-1]
            if name in answers or short in answers:
                sent[name] = answers.get(name, answers.get(short, ""))
        return sent

    def missing(self, sent: dict[str, str]) -> set[str]:
        """What a browser would not let a person leave empty."""
        return {name for name in self.required if not sent.get(name)}
