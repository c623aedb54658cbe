// The key of a trusted browser: WebCrypto makes it, IndexedDB keeps it, and no script can read it.
// It can only sign.

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };

function store(mode, use) {
  return new Promise((done, fail) => {
    const opening = indexedDB.open("demo", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys", { keyPath: "user" });
    opening.onerror = () => fail(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("keys", mode);
      const request = use(transaction.objectStore("keys"));
      transaction.oncomplete = () => {
        opening.result.close();
        done(request.result);
      };
      transaction.onerror = () => fail(transaction.error);
    };
  });
}

/** The key of this browser for a user: `device` is its id, `sub` the user's; or undefined. */
export const trustedHere = (user) => store("readonly", (keys) => keys.get(user));

export const forgetKey = (user) => store("readwrite", (keys) => keys.delete(user));

/** A new key: the public half as the MFA API takes it, and how to keep the private one. */
export async function newKey() {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  return {
    publicKey: btoa(String.fromCharCode(...spki)),
    keep: (user, sub, device) => store("readwrite", (keys) => keys.put({ user, sub, device, privateKey })),
  };
}

/** The answer to a challenge by which this browser vouches for the user at an app client. */
export async function signAs({ sub, device, privateKey }, nonce, clientId) {
  const text = ["cognito-mfa/trusted-device/1", nonce, sub, clientId].join("\n");
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    privateKey,
    new TextEncoder().encode(text),
  );
  const base64 = btoa(String.fromCharCode(...new Uint8Array(signature)));
  return JSON.stringify({
    device,
    signature: base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""),
  });
}
