// Name one customer's calls with the official twilio package. Nothing here knows of phonotary.

const CNAM = "RNf3db3cd1fe25fcfd3c3ded065c8fea53";

/** A submitted CNAM product for numbers that are on an approved profile already. */
export async function nameCalls(client, { profileSid, email, displayName, numberSids }) {
  const hub = client.trusthub.v1;
  const product = await hub.trustProducts.create({
    friendlyName: `CNAM ${displayName}`,
    email,
    policySid: CNAM,
  });
  const name = await hub.endUsers.create({
    friendlyName: `CNAM ${displayName}`,
    type: "cnam_information",
    attributes: { cnam_display_name: displayName },
  });
  const assigned = hub.trustProducts(product.sid);
  for (const objectSid of [profileSid, name.sid]) {
    await assigned.trustProductsEntityAssignments.create({ objectSid });
  }
  for (const channelEndpointSid of numberSids) {
    await assigned.trustProductsChannelEndpointAssignment.create({
      channelEndpointSid,
      channelEndpointType: "phone-number",
    });
  }
  await assigned.update({ status: "pending-review" });
  return product.sid;
}
