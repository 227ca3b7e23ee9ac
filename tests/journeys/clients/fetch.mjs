// Twilio without its SDK, as many Node programs do it: the global fetch.
import assert from "node:assert";

const { TWILIO_ACCOUNT_SID: sid, TWILIO_AUTH_TOKEN: token } = process.env;
const root = "https://trusthub.twilio.com/v1/CustomerProfiles";
const headers = { Authorization: `Basic ${btoa(`${sid}:${token}`)}` };

async function call(method, url, form) {
  const body = form && new URLSearchParams(form);
  const answer = await fetch(url, { method, headers, body });
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
}

const made = [];
for (let i = 0; i < 5; i++) {
  const PolicySid = "RNdfbf3fae0e1107f8aded0e7cead80bf5";
  const form = { FriendlyName: `fetch ${i}`, Email: "a@example.com", PolicySid };
  made.push((await call("POST", root, form)).body.sid);
}
const seen = [];
for (let url = `${root}?PageSize=2`; url; ) {
  assert(url.startsWith(root), url);
  const { body } = await call("GET", url);
  seen.push(...body.results.map((profile) => profile.sid));
  url = body.meta.next_page_url;
}
for (const one of made) assert(seen.includes(one));
const missing = await call("GET", `${root}/BU${"0".repeat(32)}`);
assert.deepStrictEqual([missing.status, missing.body.code], [404, 20404]);
for (const one of made) assert.strictEqual((await call("DELETE", `${root}/${one}`)).status, 204);
assert.strictEqual((await call("GET", `${root}/${made[0]}`)).status, 404);
console.log(`made ${made.length}, all listed, 404/20404, deleted`);
