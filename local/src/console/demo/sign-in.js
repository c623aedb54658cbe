// Signing in with a password, proven by SRP. What is asked after that is in challenges.js.

import { cognito } from "./calls.js";
import { proceed } from "./challenges.js";
import { endpoints, poolName } from "./cloud.js";
import { form, paragraph, password } from "./form.js";
import { dropDevice, rememberedDevice } from "./session.js";
import { confirm } from "./sign-up.js";
import { Exchange } from "./srp.js";

export const signIn = { id: "sign-in", title: "Sign in", show: ask };

function ask(place) {
  place.replaceChildren(
    paragraph("The password is proven by SRP and stays in the page; then the pool asks for the second factor, if one is set up."),
    form({
      fields: [
        { name: "user", label: "E-mail address, phone number or user name", autocomplete: "username", required: true },
        password("password", "Password", "current-password"),
      ],
      submit: "Sign in",
      run: (values) => withPassword(place, values),
    }),
  );
}

async function withPassword(place, { user, password }) {
  const device = rememberedDevice(user);
  const attempt = new Attempt("native", user, device);
  try {
    await proceed(place, attempt, await attempt.provePassword(password));
  } catch (error) {
    if (error.code === "UserNotConfirmedException") confirm(place, user, user);
    else if (device && error.code === "ResourceNotFoundException") {
      // The pool has forgotten this browser: as every client does, so do we, and begin again.
      dropDevice(user);
      await withPassword(place, { user, password });
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
    const asked = await cognito(
      "InitiateAuth",
      {
        ClientId: this.ClientId,
        AuthFlow: "USER_SRP_AUTH",
        AuthParameters: { USERNAME: this.user, SRP_A: exchange.A, ...this.deviceKey },
      },
      "SRP_A is a number drawn for this sign-in. pre-authentication runs here, before any password was seen.",
    );
    const { USER_ID_FOR_SRP: name } = asked.ChallengeParameters;
    const proof = await exchange.prove({ group: poolName, name, password, ...asked.ChallengeParameters });
    return this.answer(asked, proof, "The signature can only be made with the right password. It is not in here.");
  }

  /** Answers the challenge `asked` and gives what comes then. */
  async answer(asked, responses, why) {
    // The pool's own name of the user, which the typed one may be an alias of.
    this.name = asked.ChallengeParameters?.USER_ID_FOR_SRP ?? this.name;
    return cognito(
      "RespondToAuthChallenge",
      {
        ClientId: this.ClientId,
        ChallengeName: asked.ChallengeName,
        Session: asked.Session,
        ChallengeResponses: { USERNAME: this.name, ...this.deviceKey, ...responses },
      },
      why,
    );
  }
}
