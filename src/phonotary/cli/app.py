"""The ``phonotary`` command: its subcommands and how an error becomes an exit code.

Exit 0 means done, 1 that a rule or a check said no, 2 that the command was called wrongly.
"""

from __future__ import annotations

import typer

from phonotary.cli import (
    accounts,
    audit,
    cert,
    cert_delegate,
    cert_trust,
    demo,
    env,
    evidence,
    exec,
    exits,
    explain,
    inspect,
    migrate,
    places,
    serve,
    sign,
    up,
    verify,
)

app = typer.Typer(
    name="phonotary",
    help="The open trust hub for voice: know who calls, seal the call, name the caller.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
# Options after the command are the command's own.
app.command("exec", context_settings={"allow_interspersed_args": False})(exec.exec_)
app.command("env")(env.env)
app.command("demo")(demo.demo)
app.command("explain")(explain.explain)
app.command("sign")(sign.sign)
app.command("verify")(verify.verify)
app.command("inspect")(inspect.inspect)
cert.cert_app.command("trust")(cert_trust.trust)
cert.cert_app.command("delegate")(cert_delegate.delegate)
app.add_typer(cert.cert_app, name="cert")
app.add_typer(places.places, name="places")
app.command("evidence")(evidence.evidence)
app.add_typer(audit.audit, name="audit")
app.command("serve")(serve.serve)
app.command("migrate")(migrate.migrate)
app.command("account")(accounts.account)
app.command("suspend")(accounts.suspend)
app.command("resume")(accounts.resume)
app.command("number")(accounts.number)


def main() -> None:
    code = exits.code_of(app)
    if code:
        raise SystemExit(code)
