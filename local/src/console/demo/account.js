// The tokens, what they say, and their end; the user's addresses.

import { element } from "/dom.js";
import { api, cognito } from "./calls.js";
import { endpoints, hasCustomAuth } from "./cloud.js";
import { code, facts, form, messageCode, notice, paragraph, subtitle } from "./form.js";
import { claims, session, setSession } from "./session.js";

export const account = { id: "account", title: "Account", forUsers: true, show };

async function show(place) {
  const { AccessToken } = session();
  const user = await cognito("GetUser", { AccessToken });
  const attributes = Object.fromEntries(user.UserAttributes.map(({ Name, Value }) => [Name, Value]));
  place.replaceChildren(
    facts([
      ["User name", code(user.Username)],
      ...["email", "phone_number"]
        .filter((name) => attributes[name])
        .map((name) => [
          name === "email" ? "E-mail" : "Phone",
          `${attributes[name]}, ${attributes[`${name}_verified`] === "true" ? "verified" : "not verified"}`,
        ]),
    ]),
    ...addresses(place, attributes),
    ...(await messageCodes()),
    ...tokens(place),
    subtitle("Sign out"),
    form({
      actions: [
        { label: "Here", run: () => signOut(place, "RevokeToken") },
        { label: "Everywhere", run: () => signOut(place, "GlobalSignOut") },
      ],
    }),
  );
}

const ADDRESSES = [
  {
    name: "phone_number",
    title: "Phone number",
    path: "/mfa/phone-number",
    member: "phoneNumber",
    field: { label: "Number for codes by SMS", type: "tel", autocomplete: "tel", placeholder: "+12025550123" },
    done: "The number is verified. You can now use it as a factor: see “Factors”.",
  },
  {
    name: "email",
    title: "E-mail address",
    path: "/mfa/email",
    member: "email",
    field: { label: "Address for codes by e-mail", type: "email", autocomplete: "email" },
    done: "The address is verified.",
  },
];

// By our API: the address there was is told before, and a second code does not end the first one.
function addresses(place, attributes) {
  return ADDRESSES.flatMap((address) => {
    const value = attributes[address.name] ?? "";
    const open = value !== "" && attributes[`${address.name}_verified`] !== "true";
    const set = async (values) => {
      await change("POST", address.path, { [address.member]: values[address.name] });
      verify(place, address, values[address.name]);
    };
    return [
      subtitle(address.title),
      form({
        fields: [{ name: address.name, value, required: true, ...address.field }],
        submit: "Set",
        run: set,
        actions: open ? [{ label: "Enter the code", run: () => verify(place, address, value) }] : [],
      }),
    ];
  });
}

const MESSAGE_CODES = [
  ["automatic", "automatic: until you have an authenticator app"],
  ["on", "on: also beside an authenticator app"],
  ["off", "off"],
];

/** Whether custom sign-ins offer codes by message. */
async function messageCodes() {
  if (!hasCustomAuth) return [];
  const { answer: settings } = await api("GET", "/mfa/message-codes", { token: session().AccessToken });
  const made = form({
    fields: [
      { name: "email", label: "Codes by e-mail", options: MESSAGE_CODES, value: settings.email },
      { name: "sms", label: "Codes by text message", options: MESSAGE_CODES, value: settings.sms },
    ],
    submit: "Save",
    run: async (values) => {
      made.querySelector(".notice")?.remove();
      await change("PUT", "/mfa/message-codes", values);
      made.append(notice("Saved."));
    },
  });
  return [subtitle("Message codes"), paragraph("Whether custom sign-ins offer codes by message as a second factor."), made];
}

const change = (method, path, body) => api(method, path, { token: session().AccessToken, body });

function verify(place, address, value) {
  place.replaceChildren(
    paragraph("We sent a code to ", code(value), "."),
    form({
      fields: [messageCode({ address: value })],
      submit: "Verify",
      run: async (values) => {
        await change("POST", `${address.path}/verify`, { code: values.code });
        await show(place);
        place.prepend(notice(address.done));
      },
      actions: [
        { label: "Send another code", run: () => change("POST", `${address.path}/code`, {}) },
        { label: "Not now", run: () => show(place) },
      ],
    }),
  );
  place.querySelector("input").focus();
}

function tokens(place) {
  const { AccessToken, IdToken, client } = session();
  const readable = (token) => {
    const shown = claims(token);
    const until = new Date(shown.exp * 1000).toLocaleTimeString([], { hour12: false });
    return [`good until ${until}`, JSON.stringify(shown, null, 2)];
  };
  const token = (name, value) => {
    const [until, text] = readable(value);
    return element(
      "details",
      { className: "token" },
      element("summary", { textContent: `${name}, ${until}` }),
      element("pre", { tabIndex: 0, textContent: text }),
    );
  };
  return [
    subtitle("Tokens"),
    paragraph("From app client ", code(client), ". The access token is for the MFA API. The ID token is for the app itself."),
    token("Access token", AccessToken),
    token("ID token", IdToken),
    form({ actions: [{ label: "Refresh", run: () => refresh(place) }] }),
  ];
}

async function refresh(place) {
  const current = session();
  const { device_key: DeviceKey } = claims(current.AccessToken);
  const { AuthenticationResult } = await cognito(
    "GetTokensFromRefreshToken",
    { ClientId: endpoints.clients[current.client].id, RefreshToken: current.RefreshToken, DeviceKey },
    "If the pool tracks devices, the refresh token belongs to one device. auth_time stays the same, because a refresh is not a sign-in.",
  );
  setSession({ ...current, AccessToken: AuthenticationResult.AccessToken, IdToken: AuthenticationResult.IdToken });
  await show(place);
  place.prepend(notice("The tokens were refreshed."));
}

async function signOut(place, operation) {
  const current = session();
  const parameters =
    operation === "GlobalSignOut"
      ? { AccessToken: current.AccessToken }
      : { ClientId: endpoints.clients[current.client].id, Token: current.RefreshToken };
  await cognito(operation, parameters, "API Gateway does not check for revoked tokens: it accepts the access token until it expires. Cognito's own operations refuse it at once.");
  setSession(null);
  place.go("sign-in");
}
