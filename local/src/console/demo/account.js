// The tokens, what they say, and their end; the user's phone number.

import { element } from "/dom.js";
import { cognito } from "./calls.js";
import { endpoints } from "./cloud.js";
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
    ...phone(place, attributes),
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

function phone(place, attributes) {
  const { AccessToken } = session();
  const set = async (values) => {
    const UserAttributes = [{ Name: "phone_number", Value: values.phone }];
    await cognito("UpdateUserAttributes", { AccessToken, UserAttributes });
    await show(place);
  };
  const prove = async () => {
    const asked = { AccessToken, AttributeName: "phone_number" };
    const { CodeDeliveryDetails } = await cognito("GetUserAttributeVerificationCode", asked);
    verify(place, CodeDeliveryDetails.Destination);
  };
  const value = attributes.phone_number ?? "";
  const open = value !== "" && attributes.phone_number_verified !== "true";
  return [
    subtitle("Phone number"),
    form({
      fields: [
        {
          name: "phone",
          label: "Number for codes by SMS",
          type: "tel",
          autocomplete: "tel",
          placeholder: "+12025550123",
          hint: "A sign-in with a code to it verifies it as well.",
          value,
          required: true,
        },
      ],
      submit: "Set",
      run: set,
      actions: open ? [{ label: "Verify it", run: prove }] : [],
    }),
  ];
}

function verify(place, destination) {
  place.replaceChildren(
    paragraph("A code went to ", code(destination), "."),
    form({
      fields: [messageCode({ address: destination })],
      submit: "Verify",
      run: async (values) => {
        const { AccessToken } = session();
        await cognito("VerifyUserAttribute", { AccessToken, AttributeName: "phone_number", Code: values.code });
        await show(place);
        place.prepend(notice("The number is verified. It can be a factor now: see “Factors”."));
      },
      actions: [{ label: "Not now", run: () => show(place) }],
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
    paragraph("From app client ", code(client), ". The access token opens the MFA API; the ID token is for the app itself."),
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
    "Where devices are tracked the refresh token is bound to one. auth_time stays: a refresh is no sign-in.",
  );
  setSession({ ...current, AccessToken: AuthenticationResult.AccessToken, IdToken: AuthenticationResult.IdToken });
  await show(place);
  place.prepend(notice("New tokens are here."));
}

async function signOut(place, operation) {
  const current = session();
  const parameters =
    operation === "GlobalSignOut"
      ? { AccessToken: current.AccessToken }
      : { ClientId: endpoints.clients[current.client].id, Token: current.RefreshToken };
  await cognito(operation, parameters, "API Gateway does not know of it: an access token opens the door there until it expires. Cognito's own calls refuse it at once.");
  setSession(null);
  place.go("sign-in");
}
