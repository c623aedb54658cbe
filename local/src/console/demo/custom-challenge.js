// Custom challenges: factors that are ours, asked for by define- and create-auth-challenge and judged by
// verify-auth-challenge-response. One challenge lets the user choose (`begin`), one asks for the proof
// (`code`), one sets up a first authenticator (`enrol`); each answer names the sign-in by its nonce.

import { element } from "/dom.js";
import { latestCallBegan } from "./calls.js";
import { appCode } from "./challenges.js";
import { code, facts, form, messageCode, paragraph } from "./form.js";
import { addSeed, nextCode, seedsOf } from "./own-totp.js";
import { signAs, trustedHere } from "./browser-key.js";

const NAMES = { email: "E-mail", sms: "Text message", totp: "Authenticator app", "recovery-code": "Recovery code" };

/** Shows the challenge. `next` goes on with what the pool answers. */
export async function customStep(place, attempt, asked, next) {
  const { step } = asked.ChallengeParameters;
  const say = async (ANSWER, why) => {
    if (["email", "sms", "RESEND"].includes(ANSWER)) attempt.sent = Date.now();
    const { attemptsLeft: before } = asked.ChallengeParameters;
    const answer = await attempt.answer(asked, { ANSWER }, why, { nonce: asked.ChallengeParameters.nonce });
    await next(answer);
    const { attemptsLeft: left } = answer.ChallengeParameters ?? {};
    if (before !== undefined && Number(left) < Number(before)) {
      refuse(place, `The code is wrong. Attempts left: ${left}.`);
    }
  };
  if (step === "begin") await begin(place, attempt, asked, say);
  else if (step === "enrol") enrol(place, attempt, asked, say);
  else prove(place, attempt, asked, say);
}

function refuse(place, text) {
  const problem = element("p", { className: "problem", textContent: text });
  problem.setAttribute("role", "alert");
  place.prepend(problem);
}

const startAgain = (place) => ({ label: "Start again", isQuiet: true, run: () => place.go("sign-in") });

async function begin(place, attempt, asked, say) {
  const { factors, nonce } = asked.ChallengeParameters;
  const offered = factors.split(",");
  const key = offered.includes("trusted-device") ? await trustedHere(attempt.user) : undefined;
  const device = {
    label: "This browser",
    run: async () => {
      const why = "The browser's key signs the nonce, the user and the app client. No page can read the key, not even this one.";
      await say(await signAs(key, nonce, attempt.ClientId), why);
    },
  };
  place.replaceChildren(
    paragraph("Choose a factor. No code is sent until you choose."),
    form({
      actions: [
        ...(key ? [device] : []),
        ...offered.filter((factor) => NAMES[factor]).map((factor) => ({
          label: NAMES[factor],
          run: () => say(factor, "A choice proves nothing yet. The next challenge asks for the proof."),
        })),
        startAgain(place),
      ],
    }),
  );
}

/** A first authenticator. An app with a QR library draws `uri` as a picture beside the link. */
function enrol(place, attempt, asked, say) {
  // The nonce of the sign-in is also the id of the authenticator.
  const { secret, uri, attemptsLeft, nonce: id } = asked.ChallengeParameters;
  const fill = {
    label: "Use the code from this page",
    run: () => {
      addSeed(attempt.user, id, secret);
      return nextCode(attempt.user, id);
    },
  };
  place.replaceChildren(
    paragraph("You have no second factor yet. Set up an authenticator app to finish signing in: type the secret into it, or open the link on your phone. Then enter the code that the app shows."),
    facts([
      ["Secret", element("code", { className: "secret", textContent: secret.match(/.{1,4}/g).join(" ") })],
      ["On this phone", element("a", { href: uri, textContent: "open in an authenticator app" })],
    ]),
    element("p", { className: "hint", textContent: `Attempts left: ${attemptsLeft}.` }),
    form({
      fields: [appCode(attempt.user, id, { fill })],
      submit: "Set up and sign in",
      run: (values) => say(values.code, "Nothing is stored before the code is right. From the next sign-in on, the pool asks for a code of this app."),
      actions: [startAgain(place)],
    }),
  );
}

function prove(place, attempt, asked, say) {
  const { factor, destination, attemptsLeft, expiresIn, canResendIn } = asked.ChallengeParameters;
  const isMessage = destination !== undefined;
  const fields = {
    totp: () => appCode(attempt.user, seedsOf(attempt.user).findLast((seed) => seed.kind !== "native")?.kind),
    "recovery-code": () => ({ name: "code", label: "Recovery code", autocomplete: "off", required: true }),
  };
  const message = () => messageCode({ address: destination, since: attempt.sent ?? latestCallBegan() });
  const lead = isMessage
    ? ["We sent a code to ", code(destination), "."]
    : [factor === "totp" ? "Enter the code that your authenticator app shows now." : "Enter one of your recovery codes. Each works once."];
  const limits = `Attempts left: ${attemptsLeft}. Valid for ${expiresIn} s${isMessage ? `. You can request another code in ${canResendIn} s` : ""}.`;
  place.replaceChildren(
    paragraph(...lead),
    element("p", { className: "hint", textContent: limits }),
    form({
      fields: [(fields[factor] ?? message)()],
      submit: "Sign in",
      run: (values) => say(values.code, "A wrong answer is not an error here. The pool repeats the challenge while attempts are left."),
      actions: [
        ...(isMessage ? [{ label: "Send another code", run: () => say("RESEND", "A new code does not reset the number of attempts.") }] : []),
        { label: "Another way", run: () => say("BACK", "Back to the choice of factors. Used attempts still count.") },
        startAgain(place),
      ],
    }),
  );
}
