// An authenticator app in the page (RFC 6238), for who has no phone at hand. It keeps its seeds in
// the browser's storage, which no real one should.

const KEY = "demo.authenticators";
const PERIOD = 30;

/** The code of a time step. */
export async function codeOf(secret, step) {
  const algorithm = { name: "HMAC", hash: "SHA-1" };
  const key = await crypto.subtle.importKey("raw", fromBase32(secret), algorithm, false, ["sign"]);
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(step));
  const mac = new DataView(await crypto.subtle.sign(algorithm, key, counter));
  const offset = mac.getUint8(19) & 15;
  const number = (mac.getUint32(offset) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, "0");
}

function fromBase32(text) {
  let bits = "";
  for (const character of text.toUpperCase().replace(/=+$/, "")) {
    bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(character).toString(2).padStart(5, "0");
  }
  return Uint8Array.from(bits.match(/.{8}/g), (byte) => Number.parseInt(byte, 2));
}

const kept = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");
const keep = (all) => localStorage.setItem(KEY, JSON.stringify(all));

/** The seeds that the page has for a user. `kind` is `native`, or the id of an authenticator of ours. */
export function seedsOf(account) {
  return kept().filter((seed) => seed.account === account);
}

/** Takes a seed in the place of one of the same kind. */
export function addSeed(account, kind, secret) {
  // Taken before: which codes were given must not be forgotten.
  if (seedsOf(account).some((seed) => seed.kind === kind && seed.secret === secret)) return;
  const others = kept().filter((seed) => seed.account !== account || seed.kind !== kind);
  keep([...others, { account, kind, secret, last: 0 }]);
}

export function removeSeeds(account) {
  keep(kept().filter((seed) => seed.account !== account));
}

/**
 * Returns a code that was not returned before. A code works once, and one step of clock drift is
 * accepted. So the second code is that of the next step, and the user does not wait.
 */
export async function nextCode(account, kind) {
  const all = kept();
  const seed = all.find((one) => one.account === account && one.kind === kind);
  if (!seed) throw new Error("This page has no authenticator for this user. Set one up here first.");
  const now = Date.now() / 1000;
  const current = Math.floor(now / PERIOD);
  const step = Math.max(current, seed.last + 1);
  if (step > current + 1) {
    throw new Error(`Both valid codes were already used. Wait ${Math.ceil((current + 1) * PERIOD - now)} s.`);
  }
  seed.last = step;
  keep(all);
  return codeOf(seed.secret, step);
}
