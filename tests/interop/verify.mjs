// ES256 as Node's own crypto does it, with nothing of ours in between:
//   node verify.mjs verify PUBLIC.pem TOKEN        prints the payload, or fails
//   node verify.mjs sign PRIVATE.pem HEADER PAYLOAD   prints a token over these very texts
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [, , what, keyFile, ...rest] = process.argv;
const pem = readFileSync(keyFile);

if (what === "verify") {
  const [header, payload, signature] = rest[0].split(".");
  const key = { key: createPublicKey(pem), dsaEncoding: "ieee-p1363" };
  const raw = Buffer.from(signature, "base64url");
  if (!verify("sha256", Buffer.from(`${header}.${payload}`), key, raw)) {
    console.error("the signature does not hold");
    process.exit(1);
  }
  process.stdout.write(Buffer.from(payload, "base64url"));
} else {
  const signed = rest.map((text) => Buffer.from(text).toString("base64url")).join(".");
  const key = { key: createPrivateKey(pem), dsaEncoding: "ieee-p1363" };
  const raw = sign("sha256", Buffer.from(signed), key);
  process.stdout.write(`${signed}.${raw.toString("base64url")}`);
}
