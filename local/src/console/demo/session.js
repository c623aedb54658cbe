// What this browser has of its user: tokens for as long as the tab is open, and the secret of a
// remembered device for longer. A page that is not a demo keeps tokens out of storage where it can.

const SESSION = "demo.session";
const NEXT = "demo.next-sign-in";
const device = (user) => `demo.device.${user}`;

const listeners = [];

/** Calls `listener` whenever somebody signs in or out. */
export const onChange = (listener) => listeners.push(listener);

/**
 * Who is signed in, or null: `user` as typed at sign-in, `client` the name of the app client, the
 * tokens, and `newDevice` if the pool offers to remember this browser.
 */
export const session = () => JSON.parse(sessionStorage.getItem(SESSION) ?? "null");

export function setSession(value) {
  if (value) {
    sessionStorage.setItem(SESSION, JSON.stringify(value));
    expectSignIn({ user: value.user, client: value.client, withCode: false });
  } else sessionStorage.removeItem(SESSION);
  for (const listener of listeners) listener();
}

/** What the form of the next sign-in begins with: the `user`, and the `client`. `withCode`: a remembered
 * browser must not stand in for the code. */
export const expectedSignIn = () => JSON.parse(sessionStorage.getItem(NEXT) ?? "{}");

export function expectSignIn(values) {
  sessionStorage.setItem(NEXT, JSON.stringify({ ...expectedSignIn(), ...values }));
}

/** The claims in a token. They are shown, not trusted: nobody has checked the signature here. */
export function claims(token) {
  const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** The device that the pool knows this browser as: `key`, `group`, `password`. */
export const rememberedDevice = (user) => JSON.parse(localStorage.getItem(device(user)) ?? "null");

export function keepDevice(user, value) {
  localStorage.setItem(device(user), JSON.stringify(value));
}

export function dropDevice(user) {
  localStorage.removeItem(device(user));
}
