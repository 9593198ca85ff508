// A client of the OpenID provider: gets tokens as an app or a machine gets them, by plain HTTP,
// and prints them as JSON.
//
//   node client.mjs machine ISSUER CLIENT RESOURCE SCOPES     client credentials
//   node client.mjs login ISSUER USER RESOURCE SCOPES         authorization code with PKCE
//   node client.mjs forge ISSUER TOKEN                        the same claims, signed wrongly

import { createHash, createHmac, randomBytes } from "node:crypto";

const [what, issuer, ...rest] = process.argv.slice(2);
const REDIRECT = "http://127.0.0.1/done";
const encode = (bytes) => Buffer.from(bytes).toString("base64url");

async function json(response) {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

const discovered = await json(await fetch(`${issuer}/.well-known/openid-configuration`));

async function token(form, client) {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  if (client) headers.authorization = `Basic ${btoa(`${client}:${client}-secret`)}`;
  const body = new URLSearchParams(form);
  return json(await fetch(discovered.token_endpoint, { method: "POST", headers, body }));
}

function machine(client, resource, scope) {
  const form = { grant_type: "client_credentials" };
  if (resource !== "none") Object.assign(form, { resource, scope });
  return token(form, client);
}

/** Follows redirects and fills the login and consent forms, as a browser would. */
async function login(user, resource, scope) {
  const cookies = new Map();
  const verifier = encode(randomBytes(32));
  const query = new URLSearchParams({
    client_id: "bank-app", response_type: "code", redirect_uri: REDIRECT, resource,
    scope: `openid ${scope}`, code_challenge_method: "S256",
    code_challenge: encode(createHash("sha256").update(verifier).digest()),
  });
  let url = `${discovered.authorization_endpoint}?${query}`;
  let form = null;
  for (let step = 0; step < 20; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      method: form ? "POST" : "GET", body: form, redirect: "manual", headers: { cookie },
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
      cookies.set(name, value);
    }
    form = null;
    if (response.status >= 300 && response.status < 400) {
      url = new URL(response.headers.get("location"), url).href;
      if (url.startsWith(REDIRECT)) {
        const code = new URL(url).searchParams.get("code");
        if (!code) throw new Error(`no code in ${url}`);
        return token({
          grant_type: "authorization_code", client_id: "bank-app", code, resource,
          redirect_uri: REDIRECT, code_verifier: verifier,
        });
      }
      continue;
    }
    const page = await response.text();
    const prompt = page.match(/name="prompt" value="(\w+)"/)?.[1];
    const action = page.match(/action="([^"]+)"/)?.[1];
    if (!prompt || !action) throw new Error(`${url}: ${response.status} ${page}`);
    url = new URL(action.replaceAll("&amp;", "&"), url).href;
    form = new URLSearchParams({ prompt, login: user, password: "any" });
  }
  throw new Error("the login does not end");
}

/** What must never be taken: no signature, and the public key used as an HMAC secret. */
async function forge(good) {
  const { keys } = await json(await fetch(discovered.jwks_uri));
  const [header, claims, signature] = good.split(".");
  const { kid, typ } = JSON.parse(Buffer.from(header, "base64url"));
  const signed = (alg, secret) => {
    const text = `${encode(JSON.stringify({ alg, typ, kid }))}.${claims}`;
    return `${text}.${secret ? encode(createHmac("sha256", secret).update(text).digest()) : ""}`;
  };
  const told = JSON.parse(Buffer.from(claims, "base64url"));
  const other = encode(JSON.stringify({ ...told, sub: "somebody else" }));
  return {
    none: signed("none"),
    hs256: signed("HS256", JSON.stringify(keys[0])),
    hs256_coordinates: signed("HS256", Buffer.from(keys[0].x, "base64url")),
    changed: `${header}.${other}.${signature}`,
  };
}

console.log(JSON.stringify(await { machine, login, forge }[what](...rest)));
