// Signing in with a password, proven by SRP, at an app client that takes Cognito's own factors or at one
// that takes ours. What is asked after that is in challenges.js and custom-challenge.js.

import { cognito } from "./calls.js";
import { proceed } from "./challenges.js";
import { endpoints, hasCustomAuth, poolName } from "./cloud.js";
import { form, paragraph, password } from "./form.js";
import { dropDevice, expectedSignIn, rememberedDevice } from "./session.js";
import { confirm } from "./sign-up.js";
import { Exchange } from "./srp.js";

export const signIn = { id: "sign-in", title: "Sign in", show: ask };

const MODE = {
  name: "client",
  label: "Second factor",
  options: [
    ["native", "native: Cognito's own MFA"],
    ["custom", "custom: this project's challenges"],
  ],
};

function ask(place) {
  const { user = "", client = "native" } = expectedSignIn();
  place.replaceChildren(
    paragraph("SRP proves the password, which never leaves this page. Then the pool asks for the second factor."),
    form({
      fields: [
        { name: "user", label: "E-mail address, phone number or user name", autocomplete: "username", required: true, value: user },
        password("password", "Password", "current-password"),
        ...(hasCustomAuth ? [{ ...MODE, value: client }] : []),
      ],
      submit: "Sign in",
      run: (values) => withPassword(place, values),
    }),
  );
}

async function withPassword(place, { user, password, client = "native" }) {
  // In custom sign-ins Cognito would ask for a remembered device beside our factors, not in their place.
  const device = client === "native" && !expectedSignIn().withCode ? rememberedDevice(user) : null;
  const attempt = new Attempt(client, user, device);
  try {
    await proceed(place, attempt, await attempt.provePassword(password));
  } catch (error) {
    if (error.code === "UserNotConfirmedException") confirm(place, user, user);
    else if (device && error.code === "ResourceNotFoundException") {
      // The pool has forgotten this browser: as every client does, so do we, and begin again.
      dropDevice(user);
      await withPassword(place, { user, password, client });
    } else throw error;
  }
}

/** A sign-in under way. */
export class Attempt {
  /** `client`: the name of the app client. `device`: what this browser is remembered as, or null. */
  constructor(client, user, device) {
    this.client = client;
    this.ClientId = endpoints.clients[client].id;
    this.user = user;
    this.device = device;
    this.deviceKey = device ? { DEVICE_KEY: device.key } : {};
    this.name = user;
  }

  async provePassword(password) {
    const exchange = new Exchange();
    const isCustom = this.client === "custom";
    const asked = await cognito(
      "InitiateAuth",
      {
        ClientId: this.ClientId,
        AuthFlow: isCustom ? "CUSTOM_AUTH" : "USER_SRP_AUTH",
        AuthParameters: {
          USERNAME: this.user,
          SRP_A: exchange.A,
          ...(isCustom ? { CHALLENGE_NAME: "SRP_A" } : {}),
          ...this.deviceKey,
        },
      },
      isCustom
        ? "SRP_A is a random number for this sign-in. define-auth-challenge decides that the password comes first."
        : "SRP_A is a random number for this sign-in. pre-authentication runs now, before the password is checked.",
    );
    const { USER_ID_FOR_SRP: name } = asked.ChallengeParameters;
    const proof = await exchange.prove({ group: poolName, name, password, ...asked.ChallengeParameters });
    return this.answer(asked, proof, "Only the right password can produce this signature. The password itself is not sent.");
  }

  /** Answers the challenge `asked` and gives what comes then. */
  async answer(asked, responses, why, ClientMetadata) {
    // The pool's own name of the user, which the typed one may be an alias of.
    this.name = asked.ChallengeParameters?.USER_ID_FOR_SRP ?? this.name;
    return cognito(
      "RespondToAuthChallenge",
      {
        ClientId: this.ClientId,
        ChallengeName: asked.ChallengeName,
        Session: asked.Session,
        ChallengeResponses: { USERNAME: this.name, ...this.deviceKey, ...responses },
        ClientMetadata,
      },
      why,
    );
  }
}
