"use strict";
// A sandbox from a test's side: a process to start, and a thin client of its /_sandbox doors.
// The program under test never sees this; it speaks to the hub as it speaks to Twilio.

const { spawn } = require("node:child_process");
const fs = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");

const PATIENCE = 30_000;

class Sandbox {
  constructor(ready, stop = async () => {}) {
    this.ready = ready;
    this.url = ready.http;
    this.account = accountOf(ready);
    this.stop = stop;
    this.clock = {
      now: async () => (await this.command("GET", "clock")).now,
      // "90s", "15m", "72h" or "3d"; all that becomes due has happened when it resolves.
      advance: async (duration) => (await this.command("POST", "clock", { advance: duration })).now,
    };
    this.outcomes = {
      approve: (match = {}, { once = false } = {}) =>
        this.command("POST", "outcomes", { decision: "approve", match, once }),
      reject: (codes, match = {}, { because = "", once = false } = {}) =>
        this.command("POST", "outcomes", { decision: "reject", codes, match, because, once }),
      hold: (match = {}, { once = false } = {}) =>
        this.command("POST", "outcomes", { decision: "hold", match, once }),
      clear: () => this.command("DELETE", "outcomes"),
    };
    this.faults = {
      add: (kind, rule = {}) => this.command("POST", "faults", { kind, ...rule }),
      clear: () => this.command("DELETE", "faults"),
    };
    this.log = {
      search: async (wanted = {}) =>
        (await this.command("GET", "requests", undefined, { limit: "1000", ...wanted })).requests,
      traps: async () => {
        const told = (await this.log.search()).flatMap((entry) => entry.traps);
        return [...new Set(told.map((trap) => `${trap.id}: ${trap.says}`))];
      },
      clear: () => this.command("DELETE", "requests"),
    };
  }

  /**
   * Back to how the sandbox started: its records, clock, rules and log. With an account only that
   * one's, so that tests side by side do not disturb each other; the clock is everybody's.
   */
  async reset(account) {
    await this.command("POST", "reset", account && { account_sid: account.accountSid });
  }

  dump() {
    return this.command("GET", "state");
  }

  async load(state) {
    await this.command("PUT", "state", state);
  }

  /** One more account with its own profile and numbers, which sees nothing of the others. */
  async openAccount(friendlyName = "Isolated account") {
    return accountOf(await this.command("POST", "accounts", { friendly_name: friendlyName }));
  }

  /** One call of /_sandbox; an Error with the hub's sentence when it refuses. */
  async command(method, door, body, query = {}) {
    const url = new URL(`/_sandbox/${door}`, this.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const reply = await fetch(url, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await reply.json();
    if (!reply.ok) throw new Error(answer.error);
    return answer;
  }
}

function accountOf(given) {
  return {
    accountSid: given.account_sid,
    authToken: given.auth_token,
    primaryProfileSid: given.primary_profile_sid,
    numbers: given.numbers.map((n) => ({ sid: n.sid, phoneNumber: n.phone_number })),
  };
}

/**
 * `phonotary up` on a free port with its data in a temporary directory. `command` is where phonotary
 * is (PHONOTARY in the environment, else "phonotary"); `options` are further options of `up`.
 */
async function start({ command = process.env.PHONOTARY || "phonotary", options = [] } = {}) {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), "phonotary-"));
  const ready = path.join(directory, "ready.json");
  // The person's own Twilio credentials must not become a test's.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TWILIO_|PHONOTARY_)/.test(name)),
  );
  const server = spawn(
    command,
    ["up", "--port", "0", "--data", path.join(directory, "data"), "--ready-file", ready, ...options],
    { env, stdio: ["ignore", "ignore", "inherit"] },
  );
  const gone = new Promise((resolve) => {
    server.once("exit", resolve);
    server.once("error", resolve);
  });
  const stop = async () => {
    server.kill("SIGTERM");
    await gone;
    await fs.rm(directory, { recursive: true, force: true });
  };
  try {
    return new Sandbox(await contentOf(ready, gone), stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function contentOf(file, gone) {
  let over = false;
  gone.then(() => (over = true));
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline && !over; ) {
    try {
      return JSON.parse(await fs.readFile(file, "utf8"));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error("phonotary up did not start; run it by hand to see why");
}

module.exports = { Sandbox, start };
