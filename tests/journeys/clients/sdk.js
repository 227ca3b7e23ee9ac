// A program for Twilio's Node SDK that has never heard of a sandbox. `node sdk.js twilio6`
"use strict";
const assert = require("assert");
const client = require(process.argv[2])(process.env.TWILIO_ACCOUNT_SID, process.env.TWILIO_AUTH_TOKEN);
const profiles = client.trusthub.v1.customerProfiles;
const policySid = "RNdfbf3fae0e1107f8aded0e7cead80bf5";

async function main() {
  const made = [];
  for (let i = 0; i < 5; i++) {
    const profile = await profiles.create({ friendlyName: `Node ${i}`, email: "a@example.com", policySid });
    made.push(profile.sid);
  }
  const seen = (await profiles.list({ pageSize: 2 })).map((profile) => profile.sid);
  for (const sid of made) assert(seen.includes(sid));
  await assert.rejects(profiles(`BU${"0".repeat(32)}`).fetch(), { status: 404, code: 20404 });
  for (const sid of made) assert.strictEqual(await profiles(sid).remove(), true);
  await assert.rejects(profiles(made[0]).fetch(), { status: 404, code: 20404 });
  console.log(`made ${made.length}, all listed, 404/20404, deleted`);
}

main();
