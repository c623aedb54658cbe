// Whether a sign-in by name alone reveals who has an account. The test compares known names of every kind
// with unknown ones. It compares all that a client is shown and the calls that the functions make. The test
// speed/known-names.test.js compares time.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { newAddress } from './harness/user.js';
import { NO_CODE, worldOf } from './journeys/harness/world.js';

const WRONG = Array.from({ length: 6 }, (_, index) => String(100_000 + index));

// The answers, step by step.
const SCRIPTS = {
  'nothing': [],
  'e-mail codes': ['email', ...WRONG],
  'text messages': ['sms', ...WRONG],
  'authenticator codes': ['totp', ...WRONG],
  'recovery codes': ['recovery-code', ...WRONG.map(() => NO_CODE)],
  'a code at once': WRONG,
  'a recovery code at once': [NO_CODE, NO_CODE],
  'a signature': ['{"device":"0123456789abcdef0123456789abcdef","signature":"AAAA"}'],
  'another choice': ['email', 'BACK', 'sms', 'BACK', 'totp'],
  'what is no answer': ['hello', 'enrol', 'trusted-device', 'RESEND', ''],
};

describe('what a client is shown, and what the functions call', () => {
  const world = worldOf();

  const known = {
    'a user with a mailbox': () => world.newUser(),
    'a user with a number of thirteen digits': async () => {
      const owner = await world.newUser();
      const UserAttributes = [
        { Name: 'phone_number', Value: `+49151${String(Date.now()).slice(-8)}` },
        { Name: 'phone_number_verified', Value: 'true' },
      ];
      await world.cognito('AdminUpdateUserAttributes', { ...world.pool, Username: owner.userName, UserAttributes });
      return owner;
    },
    'a user with every factor': async () => {
      const owner = await world.newUserWithAuthenticator({ phone: true });
      assert.ok(await world.trustDevice(owner.signIn));
      return owner;
    },
  };

  before(async () => {
    // Every function has started before calls are counted.
    await transcript(world, { name: newAddress() }, SCRIPTS['e-mail codes']);
    await transcript(world, await world.newUser(), SCRIPTS['authenticator codes']);
  });

  for (const [kind, make] of Object.entries(known)) {
    for (const [what, answers] of Object.entries(SCRIPTS)) {
      test(`${kind} is as an unknown name: ${what}`, { timeout: 60_000 }, async () => {
        const owner = await make();
        const ofKnown = await transcript(world, owner, answers);
        const ofUnknown = await transcript(world, { name: newAddress() }, answers);
        assert.deepEqual(ofKnown, ofUnknown);
      });
    }
  }

  test('an unknown name is shown the same whenever it is typed', async () => {
    const name = newAddress();
    for (const factor of ['email', 'sms']) {
      const shown = [];
      for (let times = 0; times < 2; times += 1) {
        const signIn = await world.signIn('passwordless', { name });
        await signIn.answer(factor);
        shown.push(signIn.shown.destination);
      }
      assert.equal(shown[0], shown[1], factor);
    }
  });
});

/** Returns every step of a sign-in: all that is shown, the refusal, and the calls of every function. */
async function transcript(world, { name }, answers) {
  const steps = [];
  let signIn;
  const note = async (walk) => {
    const earlier = await calls(world);
    await walk();
    const { challenge, shown, refusal, tokens } = signIn;
    steps.push({
      challenge,
      shown: shape(shown),
      refusal: refusal && { name: refusal.name, message: refusal.message },
      tokens,
      calls: difference(await calls(world), earlier),
    });
  };
  await note(async () => {
    signIn = await world.signIn('passwordless', { name });
  });
  for (const answer of answers) {
    if (signIn.challenge !== undefined) await note(() => signIn.answer(answer));
  }
  return steps;
}

/** Replaces random values by their form, rounds times to ten seconds, and hides the digits of a mask. The pool
 * itself adds USERNAME to what functions show. Cognito does not document its value for an unknown name
 * (docs/reference/cognito.md §3.4), and no function can change it. */
function shape({ USERNAME: _, ...shown }) {
  const forms = {
    nonce: (text) => text.replace(/^[0-9a-f]{32}$/, '(32 hex digits)'),
    expiresIn: (text) => `about ${Math.round(Number(text) / 10) * 10}`,
    canResendIn: (text) => `about ${Math.round(Number(text) / 10) * 10}`,
    destination: (text) => text.replaceAll(/\d/g, '0'),
  };
  return Object.fromEntries(Object.entries(shown).map(([key, text]) => [key, (forms[key] ?? String)(text)]));
}

/** Returns how often each function called each action so far, refused calls included. Capacity units are left to
 * the measured time: they follow the size of a user's item. `deliver` runs after the answer: nothing waits for it. */
async function calls(world) {
  const seen = await (await fetch(`${world.cloud.endpoints.console}/api/calls`)).json();
  const counts = Object.entries(seen)
    .filter(([name]) => name !== 'deliver')
    .flatMap(([name, actions]) => Object.entries(actions).map(([action, count]) => [`${name} ${action}`, count]));
  return Object.fromEntries(counts.map(([action, { calls: made, denied }]) => [action, { made, denied }]));
}

function difference(later, earlier) {
  const counts = Object.entries(later).map(([action, { made, denied }]) => {
    const before = earlier[action] ?? { made: 0, denied: 0 };
    return [action, { made: made - before.made, denied: denied - before.denied }];
  });
  return Object.fromEntries(counts.filter(([, { made }]) => made > 0).sort());
}
