// Run: npm install && PHONOTARY=/path/to/phonotary npm test

import { start } from "phonotary-sandbox";
import twilio from "twilio";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { nameCalls } from "./onboard.js";

let sandbox, client, wanted;

beforeAll(async () => {
  sandbox = await start();
}, 30_000);

afterAll(() => sandbox?.stop());

beforeEach(async () => {
  await sandbox.reset();
  const { accountSid, authToken, primaryProfileSid, numbers } = sandbox.account;
  client = twilio(accountSid, authToken);
  client.trusthub.baseUrl = client.api.baseUrl = client.lookups.baseUrl = sandbox.url;
  const [number] = numbers;
  await client.trusthub.v1
    .customerProfiles(primaryProfileSid)
    .customerProfilesChannelEndpointAssignment.create({
      channelEndpointSid: number.sid,
      channelEndpointType: "phone-number",
    });
  wanted = {
    profileSid: primaryProfileSid,
    email: "robin@sandbox-voice.example.com",
    displayName: "SANDBOX VOICE",
    numberSids: [number.sid],
  };
});

const callerName = async () => {
  const [number] = sandbox.account.numbers;
  const found = await client.lookups.v2
    .phoneNumbers(number.phoneNumber)
    .fetch({ fields: "caller_name" });
  return found.callerName.callerName;
};

test("an approved name is what a lookup answers", async () => {
  expect(await callerName()).toBeNull();
  await nameCalls(client, wanted);
  expect(await callerName()).toBe("SANDBOX VOICE");
  expect(await sandbox.log.traps()).toEqual([]);
});

test("a rejected name is no name", async () => {
  await sandbox.outcomes.reject([11007], { cnam_display_name: "SANDBOX*" });
  const sid = await nameCalls(client, wanted);
  const product = await client.trusthub.v1.trustProducts(sid).fetch();
  expect(product.status).toBe("twilio-rejected");
  expect(product.errors).toEqual([{ code: 11007 }]);
  expect(await callerName()).toBeNull();
});

test("too many requests are told apart from a lost answer", async () => {
  await sandbox.faults.add("429", { method: "POST", path: "/v1/TrustProducts", times: 1 });
  await expect(nameCalls(client, wanted)).rejects.toMatchObject({ status: 429, code: 20429 });
  await sandbox.faults.add("cut-after", { method: "POST", path: "/v1/TrustProducts", times: 1 });
  await expect(nameCalls(client, wanted)).rejects.toThrow();
  const made = await client.trusthub.v1.trustProducts.list();
  expect(made).toHaveLength(1);
});

test("three days pass at once", async () => {
  const before = await sandbox.clock.now();
  expect(await sandbox.clock.advance("72h") > before).toBe(true);
});

test("accounts are isolated, and a state goes out and in", async () => {
  const other = await sandbox.openAccount();
  expect(other.accountSid).not.toBe(sandbox.account.accountSid);
  const state = await sandbox.dump();
  await nameCalls(client, wanted);
  await sandbox.load(state);
  expect(await client.trusthub.v1.trustProducts.list()).toEqual([]);
});
