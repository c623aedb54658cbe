// Custom challenges: factors that are ours, asked for by define- and create-auth-challenge and judged by
// verify-auth-challenge-response. One challenge lets the user choose (`begin`), one asks for the proof
// (`code`); each answer names the sign-in by its nonce.

import { element } from "/dom.js";
import { latestCallBegan } from "./calls.js";
import { appCode } from "./challenges.js";
import { code, form, messageCode, paragraph } from "./form.js";
import { seedsOf } from "./own-totp.js";
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
      refuse(place, `That was wrong. Tries left: ${left}.`);
    }
  };
  if (step === "begin") await begin(place, attempt, asked, say);
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
      const why = "The browser's key signs the nonce, the user and the app client. The key itself can't be read, not even by this page.";
      await say(await signAs(key, nonce, attempt.ClientId), why);
    },
  };
  place.replaceChildren(
    paragraph("Choose how to go on. Nothing is sent before."),
    form({
      actions: [
        ...(key ? [device] : []),
        ...offered.filter((factor) => NAMES[factor]).map((factor) => ({
          label: NAMES[factor],
          run: () => say(factor, "A choice proves nothing; the next challenge asks for the proof."),
        })),
        startAgain(place),
      ],
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
    ? ["A code went to ", code(destination), "."]
    : [factor === "totp" ? "The code that your authenticator app shows now." : "One of the codes that you keep for the day the phone is gone. Each is good once."];
  const limits = `Tries left: ${attemptsLeft}. Good for ${expiresIn} s${isMessage ? `; another code can be asked for in ${canResendIn} s` : ""}.`;
  place.replaceChildren(
    paragraph(...lead),
    element("p", { className: "hint", textContent: limits }),
    form({
      fields: [(fields[factor] ?? message)()],
      submit: "Sign in",
      run: (values) => say(values.code, "A wrong answer is no error here: the pool asks again, as long as there are tries."),
      actions: [
        ...(isMessage ? [{ label: "Send another code", run: () => say("RESEND", "A new code; the count of tries goes on.") }] : []),
        { label: "Another way", run: () => say("BACK", "Back to the choice; tries that were used stay used.") },
        startAgain(place),
      ],
    }),
  );
}
