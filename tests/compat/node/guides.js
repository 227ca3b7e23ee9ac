"use strict";
// A customer's way through both guides with one of Twilio's own Node clients:
//   node guides.js twilio6|twilio3
// Flow A is the SHAKEN/STIR guide for ISVs with a single project, flow B the CNAM guide on the
// profile that A got approved, each in the guide's own order. Every step asserts what the server
// now holds, not merely that the call returned. The last line of output is JSON for the caller.

const assert = require("node:assert/strict");
const business = require("../business.json");

const PAGE = { pageSize: 2 };
const POLICY = {
  secondary: "RNdfbf3fae0e1107f8aded0e7cead80bf5",
  shaken: "RN7a97559effdf62d00f4298208492a5ea",
  cnam: "RNf3db3cd1fe25fcfd3c3ded065c8fea53",
};

function connect(alias) {
  const twilio = require(alias);
  const { PHONOTARY_URL, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN } = process.env;
  const client = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN);
  client.trusthub.baseUrl = PHONOTARY_URL;
  client.api.baseUrl = PHONOTARY_URL;
  return client;
}

// A customer profile and a trust product are one kind of thing under two sets of names.
function profile(client, sid) {
  const self = client.trusthub.v1.customerProfiles(sid);
  return {
    self,
    entities: self.customerProfilesEntityAssignments,
    numbers: self.customerProfilesChannelEndpointAssignment,
    evaluations: self.customerProfilesEvaluations,
  };
}

function product(client, sid) {
  const self = client.trusthub.v1.trustProducts(sid);
  return {
    self,
    entities: self.trustProductsEntityAssignments,
    numbers: self.trustProductsChannelEndpointAssignment,
    evaluations: self.trustProductsEvaluations,
  };
}

// What was sent is what create answers, what fetch answers and what the list holds.
async function create(collection, sent) {
  const answer = await collection.create(sent);
  for (const [name, value] of Object.entries(sent)) assert.deepEqual(answer[name], value, name);
  assert.ok(answer.dateCreated instanceof Date && !Number.isNaN(answer.dateCreated.getTime()));
  const fetched = await collection(answer.sid).fetch();
  assert.deepEqual(fetched.toJSON(), answer.toJSON());
  assert.ok((await sids(collection)).includes(answer.sid));
  return answer;
}

// Every sid of a list, read two at a time to its end; no row may come twice.
async function sids(collection) {
  const found = (await collection.list(PAGE)).map((row) => row.sid);
  assert.equal(new Set(found).size, found.length);
  return found;
}

async function assign(bundle, objectSid) {
  return create(bundle.entities, { objectSid });
}

async function assignNumber(bundle, number) {
  const channelEndpointType = "phone-number";
  return create(bundle.numbers, { channelEndpointType, channelEndpointSid: number.sid });
}

async function evaluate(bundle, policySid) {
  const evaluation = await create(bundle.evaluations, { policySid });
  assert.equal(evaluation.status, "compliant", JSON.stringify(evaluation.results));
}

async function submit(bundle) {
  const answer = await bundle.self.update({ status: "pending-review" });
  assert.equal(answer.status, "pending-review");
  const decided = await bundle.self.fetch();
  assert.equal(decided.status, "twilio-approved", JSON.stringify(decided.errors));
  assert.equal((decided.errors ?? []).length, 0);
}

async function remove(resource) {
  assert.equal(await resource.remove(), true);
  await assert.rejects(resource.fetch(), (gone) => gone.status === 404 && gone.code === 20404);
}

async function ownNumber(client) {
  const all = await client.incomingPhoneNumbers.list(PAGE);
  return all.find((number) => number.phoneNumber === process.env.PHONE_NUMBER);
}

function camelCased(fields) {
  const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [camel(name), value]));
}

async function businessProfile(client, number) {
  const v1 = client.trusthub.v1;
  const { sid } = await create(v1.customerProfiles, {
    friendlyName: "Secondary business profile",
    email: business.email,
    policySid: POLICY.secondary,
  });
  const bundle = profile(client, sid);
  await assign(bundle, process.env.PRIMARY_PROFILE_SID);

  const address = await create(client.addresses, camelCased(business.address));
  const document = await create(v1.supportingDocuments, {
    friendlyName: "Address of the business",
    type: "customer_profile_address",
    attributes: { address_sids: address.sid },
  });
  await assign(bundle, document.sid);
  for (const [type, attributes] of Object.entries(business.end_users)) {
    const endUser = await create(v1.endUsers, { friendlyName: type, type, attributes });
    await assign(bundle, endUser.sid);
  }
  await assignNumber(bundle, number);
  await evaluate(bundle, POLICY.secondary);
  await submit(bundle);
  // The primary profile, the document, the business and its representative.
  assert.equal((await sids(bundle.entities)).length, 4);
  return sid;
}

async function trustProduct(client, policySid, friendlyName) {
  const sent = { friendlyName, email: business.email, policySid };
  const { sid } = await create(client.trusthub.v1.trustProducts, sent);
  return [sid, product(client, sid)];
}

async function shakenProduct(client, profileSid, number) {
  const [sid, bundle] = await trustProduct(client, POLICY.shaken, "SHAKEN/STIR");
  await assign(bundle, profileSid);
  await assignNumber(bundle, number);
  await evaluate(bundle, POLICY.shaken);
  await submit(bundle);
  return sid;
}

async function nameToShow(client, cnam_display_name) {
  return create(client.trusthub.v1.endUsers, {
    friendlyName: "Name to show",
    type: "cnam_information",
    attributes: { cnam_display_name },
  });
}

async function cnamProduct(client, profileSid, number) {
  const [sid, bundle] = await trustProduct(client, POLICY.cnam, "CNAM");
  await assign(bundle, profileSid);
  const endUser = await nameToShow(client, business.display_name);
  await assign(bundle, endUser.sid);
  await assignNumber(bundle, number);
  await evaluate(bundle, POLICY.cnam);
  await submit(bundle);
  return sid;
}

// What a customer takes back is gone: first out of the bundle, then altogether.
async function secondThoughts(client) {
  const [sid, bundle] = await trustProduct(client, POLICY.cnam, "Given up");
  const endUser = await nameToShow(client, "Given up");
  const assignment = await assign(bundle, endUser.sid);
  await remove(bundle.entities(assignment.sid));
  await remove(client.trusthub.v1.endUsers(endUser.sid));
  await remove(bundle.self);
  assert.ok(!(await sids(client.trusthub.v1.trustProducts)).includes(sid));
}

async function main() {
  const client = connect(process.argv[2]);
  const number = await ownNumber(client);
  const profile_sid = await businessProfile(client, number);
  const shaken_sid = await shakenProduct(client, profile_sid, number);
  const cnam_sid = await cnamProduct(client, profile_sid, number);
  await secondThoughts(client);
  const ends = { number_sid: number.sid, phone_number: number.phoneNumber };
  console.log(JSON.stringify({ profile_sid, shaken_sid, cnam_sid, ...ends }));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
