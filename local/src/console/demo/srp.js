// SRP as Cognito speaks it (docs/reference/cognito.md §3.7): the password proves itself and never leaves the
// page. An app takes Amplify for this; here it can be read.

const N = BigInt(
  "0xFFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
);
const g = 2n;
const DERIVED_KEY = "Caldera Derived Key";

/** One exchange: a secret number of the client, and what it sends of it. */
export class Exchange {
  #a = number(crypto.getRandomValues(new Uint8Array(128)));
  #A = power(g, this.#a);

  /** `SRP_A` */
  get A() {
    return this.#A.toString(16);
  }

  /**
   * The answer to PASSWORD_VERIFIER. `group` and `name` are the pool's name without its Region and
   * USER_ID_FOR_SRP; for a device its group key and its key.
   */
  async prove({ group, name, password, SALT, SRP_B, SECRET_BLOCK }, at = new Date()) {
    const B = BigInt(`0x${SRP_B}`);
    const u = number(await hash(padded(this.#A), padded(B)));
    if (B % N === 0n || u === 0n) throw new Error("The pool sent an SRP value that is not valid.");
    const k = number(await hash(padded(N), padded(g)));
    const x = await privateKey(group, name, password, BigInt(`0x${SALT}`));
    const base = (((B - k * power(g, x)) % N) + N) % N;
    const S = power(base, this.#a + u * x);
    const key = (await hmac(await hmac(padded(u), padded(S)), utf8(DERIVED_KEY), Uint8Array.of(1))).slice(0, 16);
    const TIMESTAMP = timestamp(at);
    const signed = [utf8(group), utf8(name), fromBase64(SECRET_BLOCK), utf8(TIMESTAMP)];
    return {
      PASSWORD_CLAIM_SIGNATURE: toBase64(await hmac(key, ...signed)),
      PASSWORD_CLAIM_SECRET_BLOCK: SECRET_BLOCK,
      TIMESTAMP,
    };
  }
}

/** A password for a device, and what ConfirmDevice is told of it. */
export async function deviceSecret(group, key) {
  const password = toBase64(crypto.getRandomValues(new Uint8Array(40)));
  const salt = number(crypto.getRandomValues(new Uint8Array(16)));
  const verifier = power(g, await privateKey(group, key, password, salt));
  return { password, PasswordVerifier: toBase64(padded(verifier)), Salt: toBase64(padded(salt)) };
}

/** `Tue Nov 3 09:05:07 UTC 2026` */
export function timestamp(at) {
  const [day, date, month, year, time] = at.toUTCString().replace(",", "").split(" ");
  return `${day} ${month} ${Number(date)} ${time} UTC ${year}`;
}

async function privateKey(group, name, password, salt) {
  return number(await hash(padded(salt), await hash(utf8(`${group}${name}:${password}`))));
}

/** base^exponent mod N */
function power(base, exponent) {
  let result = 1n;
  for (let square = base % N, left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % N;
    square = (square * square) % N;
  }
  return result;
}

/** As few bytes as the number takes, with a zero before a first bit that is set: two's complement. */
function padded(value) {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const positive = /^[89a-f]/.test(even) ? `00${even}` : even;
  return Uint8Array.from(positive.match(/../g), (byte) => Number.parseInt(byte, 16));
}

function number(bytes) {
  return BigInt(`0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`);
}

async function hash(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(parts)));
}

async function hmac(key, ...parts) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(algorithm, imported, joined(parts)));
}

function joined(parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const utf8 = (text) => new TextEncoder().encode(text);
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
