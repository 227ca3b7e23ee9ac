// Loaded into every Node program by NODE_OPTIONS. A TLS connection to a Twilio host goes to the
// sandbox instead, under the name it asked for: so that the global fetch, which in Node 20 reads
// no proxy variable, and the official SDK both arrive with nothing changed.
"use strict";

const tls = require("tls");

const sandbox = process.env.PHONOTARY_TLS;
const separator = sandbox ? sandbox.lastIndexOf(":") : -1;

function isTwilio(host) {
  return typeof host === "string" && /\.twilio\.com\.?$/i.test(host);
}

// tls.connect(options), (port, options), (port, host, options), each with a callback at its end.
function optionsOf(args) {
  const given = args.find((arg) => arg !== null && typeof arg === "object") || {};
  if (typeof args[0] === "object") return given;
  const options = { ...given, port: args[0] };
  if (typeof args[1] === "string") options.host = args[1];
  return options;
}

if (separator > 0) {
  const host = sandbox.slice(0, separator).replace(/^\[|\]$/g, "");
  const port = Number(sandbox.slice(separator + 1));
  const connect = tls.connect;
  tls.connect = function (...args) {
    const options = optionsOf(args);
    const name = options.servername || options.host;
    // One that brings its own socket has been led to the sandbox by the proxy already.
    if (options.socket || !isTwilio(name)) return connect.apply(this, args);
    const callback = args.find((arg) => typeof arg === "function");
    return connect.call(this, { ...options, servername: name, host, port, path: undefined }, callback);
  };
  // For programs that import { connect } from "tls".
  require("module").syncBuiltinESMExports();
}
