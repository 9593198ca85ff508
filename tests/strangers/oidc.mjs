// A certified OpenID provider as a bank would run one, with nothing of Florin's in it:
// JWT access tokens for the bank's API, a login page, keys that rotate.
//
//   node oidc.mjs --port 9444 --keys keys.json --users users.json
//
// users.json maps a login to the claims of that person: {"anna": {"customer": "cus_.."}}; it
// is read at each login. SIGHUP makes a new signing key and drops the old one.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

const { values: options } = parseArgs({
  options: { port: { type: "string" }, keys: { type: "string" }, users: { type: "string" } },
});
const issuer = `http://localhost:${options.port}`;

/** The resource servers that tokens are issued for: `resource` of a request -> `aud`. */
const AUDIENCES = {
  "https://api.bank.example": "https://api.bank.example",
  "https://elsewhere.example": "https://elsewhere.example",
};
const SCOPES = [
  "customers:read", "customers:write", "customers:list", "customers:kyc",
  "accounts:read", "accounts:write", "payments:read", "payments:write",
  "cash:write", "reporting:read",
].join(" ");

/** Staff roles of machines, by client; a person is a customer and has none. */
const ROLES = { "back-office": ["teller", "approver"], hasty: ["teller"] };

function machine(id) {
  return {
    client_id: id, client_secret: `${id}-secret`, grant_types: ["client_credentials"],
    redirect_uris: [], response_types: [],
  };
}

function person(login) {
  return JSON.parse(readFileSync(options.users, "utf8"))[login] ?? {};
}

async function freshKeys() {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const key = await exportJWK(privateKey);
  const kid = `key-${Date.now()}`;
  const jwks = { keys: [{ ...key, kid, alg: "ES256", use: "sig" }] };
  writeFileSync(options.keys, JSON.stringify(jwks), { mode: 0o600 });
  return jwks;
}

function provider(jwks) {
  const made = new Provider(issuer, {
    jwks,
    cookies: { keys: ["a secret of this test"] },
    scopes: ["openid", ...SCOPES.split(" ")],
    clients: [
      machine("back-office"),
      machine("hasty"),
      {
        client_id: "bank-app", application_type: "native", token_endpoint_auth_method: "none",
        grant_types: ["authorization_code"], response_types: ["code"],
        redirect_uris: ["http://127.0.0.1/done"],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource, client) => ({
          scope: SCOPES,
          audience: AUDIENCES[resource],
          accessTokenFormat: "jwt",
          accessTokenTTL: client.clientId === "hasty" ? 1 : 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    findAccount: (_, login) => ({ accountId: login, claims: () => ({ sub: login }) }),
    // Under the names that oidc.toml maps: an identity provider of one's own has its own.
    extraTokenClaims: (_, token) => {
      if (token.accountId) {
        return { "https://bank.example/customer": person(token.accountId).customer };
      }
      return { bank: { roles: ROLES[token.clientId] } };
    },
  });
  made.on("server_error", (_, error) => console.error("server_error", error));
  return made.callback();
}

const kept = existsSync(options.keys) ? JSON.parse(readFileSync(options.keys, "utf8")) : null;
let answer = provider(kept ?? (await freshKeys()));
process.on("SIGHUP", async () => {
  answer = provider(await freshKeys());
});
process.on("SIGTERM", () => process.exit(0));
createServer((request, response) => answer(request, response)).listen(
  Number(options.port), "localhost", () => console.log(`provider at ${issuer}`),
);
