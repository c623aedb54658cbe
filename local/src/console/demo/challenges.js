// What the pool asks after the password (docs/reference/cognito.md §3.4), and the end: tokens.

import { element } from "/dom.js";
import { cognito } from "./calls.js";
import { customStep } from "./custom-challenge.js";
import { code, facts, form, messageCode, paragraph, password, warning } from "./form.js";
import { nextCode, addSeed, seedsOf } from "./own-totp.js";
import { setSession } from "./session.js";
import { Exchange } from "./srp.js";

const FACTORS = { SMS_MFA: "Text message", EMAIL_OTP: "E-mail", SOFTWARE_TOKEN_MFA: "Authenticator app" };

const steps = {
  SMS_MFA: (place, attempt, asked) => messageStep(place, attempt, asked, "SMS_MFA_CODE"),
  EMAIL_OTP: (place, attempt, asked) => messageStep(place, attempt, asked, "EMAIL_OTP_CODE"),
  SOFTWARE_TOKEN_MFA: totpStep,
  SELECT_MFA_TYPE: choiceStep,
  MFA_SETUP: setUpStep,
  NEW_PASSWORD_REQUIRED: newPasswordStep,
  DEVICE_SRP_AUTH: deviceStep,
  CUSTOM_CHALLENGE: (place, attempt, asked) =>
    customStep(place, attempt, asked, (answer) => proceed(place, attempt, answer)),
};

/** Shows what `answer` asks for, or ends the sign-in. */
export async function proceed(place, attempt, answer) {
  if (answer.AuthenticationResult) {
    finish(place, attempt, answer.AuthenticationResult);
    return;
  }
  const step = steps[answer.ChallengeName];
  if (!step) throw new Error(`This app does not support the challenge ${answer.ChallengeName}.`);
  await step(place, attempt, answer);
  place.querySelector("input, button")?.focus();
}

function finish(place, attempt, result) {
  setSession({
    user: attempt.user,
    client: attempt.client,
    AccessToken: result.AccessToken,
    IdToken: result.IdToken,
    RefreshToken: result.RefreshToken,
    newDevice: result.NewDeviceMetadata,
  });
  place.go("factors");
}

const startAgain = (place) => ({ label: "Start again", isQuiet: true, run: () => place.go("sign-in") });

function messageStep(place, attempt, asked, answerName) {
  const { CODE_DELIVERY_DESTINATION: destination, CODE_DELIVERY_DELIVERY_MEDIUM: medium } = asked.ChallengeParameters;
  place.replaceChildren(
    paragraph(`We sent a code by ${medium === "SMS" ? "text message" : "e-mail"} to `, code(destination), "."),
    form({
      fields: [messageCode({ address: destination })],
      submit: "Sign in",
      run: async (values) => {
        const why = "After a wrong code the session stays valid, so the user can try again.";
        await proceed(place, attempt, await attempt.answer(asked, { [answerName]: values.code }, why));
      },
      actions: [startAgain(place)],
    }),
  );
}

function totpStep(place, attempt, asked) {
  const name = asked.ChallengeParameters.FRIENDLY_DEVICE_NAME;
  place.replaceChildren(
    paragraph(`Enter the code that ${name ? `the authenticator app on “${name}”` : "your authenticator app"} shows now.`),
    form({
      fields: [appCode(attempt.user)],
      submit: "Sign in",
      run: async (values) => {
        const why = "A code works once, for 30 seconds and one step of clock drift.";
        const responses = { SOFTWARE_TOKEN_MFA_CODE: values.code };
        await proceed(place, attempt, await attempt.answer(asked, responses, why));
      },
      actions: [{ label: "I lost my phone", isQuiet: true, run: () => place.go("lost-phone") }, startAgain(place)],
    }),
  );
}

/** A field for a code of an authenticator app; this page's own fills it in if it has the seed. */
export function appCode(user, kind = "native", rest = {}) {
  const has = seedsOf(user).some((seed) => seed.kind === kind);
  const fill = has ? { label: "Use the code from this page", run: () => nextCode(user, kind) } : undefined;
  return { name: "code", label: "Code", inputMode: "numeric", autocomplete: "one-time-code", required: true, fill, ...rest };
}

function choiceStep(place, attempt, asked) {
  const choices = JSON.parse(asked.ChallengeParameters.MFAS_CAN_CHOOSE);
  place.replaceChildren(
    paragraph("You have several factors and none is preferred. Choose one."),
    form({
      actions: [
        ...choices.map((choice) => ({
          label: FACTORS[choice] ?? choice,
          run: async () => {
            const why = "Cognito sends a code only now, and only for the chosen factor.";
            await proceed(place, attempt, await attempt.answer(asked, { ANSWER: choice }, why));
          },
        })),
        startAgain(place),
      ],
    }),
  );
}

async function setUpStep(place, attempt, asked) {
  const choices = JSON.parse(asked.ChallengeParameters.MFAS_CAN_SETUP ?? "[]");
  if (!choices.includes("SOFTWARE_TOKEN_MFA")) {
    place.replaceChildren(
      warning("This pool requires a second factor, but this page cannot set up any that it offers: ", code(choices.join(", ") || "none"), "."),
    );
    return;
  }
  const associated = await cognito(
    "AssociateSoftwareToken",
    { Session: asked.Session },
    "There is no token yet, so the session identifies the user. Each response brings a new session; use the newest.",
  );
  const secret = associated.SecretCode;
  place.replaceChildren(
    paragraph("This pool requires a second factor and you have none. Enter this secret in an authenticator app, then enter its code here."),
    facts([["Secret", element("code", { className: "secret", textContent: secret.match(/.{1,4}/g).join(" ") })]]),
    form({
      fields: [
        appCode(attempt.user, "native", {
          fill: {
            label: "Use the code from this page",
            run: () => {
              addSeed(attempt.user, "native", secret);
              return nextCode(attempt.user, "native");
            },
          },
        }),
      ],
      submit: "Set up and sign in",
      run: async (values) => {
        const verified = await cognito("VerifySoftwareToken", { Session: associated.Session, UserCode: values.code });
        const answer = await attempt.answer({ ...asked, Session: verified.Session }, {}, "No code is needed: the session from VerifySoftwareToken is the proof.");
        await proceed(place, attempt, answer);
      },
      actions: [startAgain(place)],
    }),
  );
}

function newPasswordStep(place, attempt, asked) {
  place.replaceChildren(
    paragraph("Your password is temporary. Choose your own."),
    form({
      fields: [password("password", "New password", "new-password")],
      submit: "Set the password",
      run: async (values) => {
        await proceed(place, attempt, await attempt.answer(asked, { NEW_PASSWORD: values.password }));
      },
    }),
  );
}

async function deviceStep(place, attempt, asked) {
  const exchange = new Exchange();
  const why = "This browser is remembered. Instead of a code, it proves its own secret, again by SRP.";
  const verifier = await attempt.answer(asked, { SRP_A: exchange.A }, why);
  const { group, key, password } = attempt.device;
  const proof = await exchange.prove({ group, name: key, password, ...verifier.ChallengeParameters });
  await proceed(place, attempt, await attempt.answer(verifier, proof));
}
