// Whether a sign-in by name alone tells who has an account: known names of every kind beside unknown ones, by
// all that a client is shown, by the calls that the functions make, and by time. `PAIRS=100` for a first look.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Authenticator } from '../harness/authenticator.js';
import { binary, temporaryFolder, workspace } from '../harness/cloud.js';
import { newAddress } from '../harness/user.js';
import { NO_CODE, World, worldOf } from '../journeys/harness/world.js';
import { templateWith } from '../harness/policy.js';

const PAIRS = Number(process.env.PAIRS ?? 1_000);
// An authenticator has to be set up first, by a sign-in of its own.
const PAIRS_OF_AUTHENTICATORS = Math.ceil(PAIRS / 4);
// Of the interquartile range: of a thousand pairs the medians differ by a twentieth of it by chance.
const LIMIT_OF_SPREAD = 1 / 4;

const WRONG = Array.from({ length: 6 }, (_, index) => String(100_000 + index));

// What is answered, step by step.
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
    // Every function has begun before anything is counted.
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

/** Every step of a sign-in: all that is shown, the refusal, and the calls of every function. */
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

/** What is drawn at random as its form, times to ten seconds, digits of a mask as digits; all else as it is.
 * USERNAME is the pool's own word, added to what functions show: what Cognito adds for a name that is no user's is
 * not documented (docs/reference/cognito.md §3.4), and no function can change it. */
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

describe('time', () => {
  const folder = temporaryFolder();
  const world = new World();
  const POLICY = '[governor]\ndry_run = true\n[custom_auth.clients.server]\nfirst = "passwordless"\n';

  before(() =>
    world.open(['--template', templateWith(folder.path, POLICY), '--functions-dir', idleDeliver(folder.path)]));
  after(async () => {
    folder.remove();
    await world.cloud?.stop();
  });

  const codeByMail = async (name) => {
    const signIn = await world.signIn('passwordless', { name });
    await signIn.answer('email');
    assert.equal(signIn.step, 'code');
    await signIn.answer(WRONG[0]);
    assert.equal(signIn.step, 'code');
  };

  test('an e-mail code asked for and a wrong one entered take as long for a known as for an unknown name', {
    timeout: 900_000,
  }, async (t) => {
    const names = { known: [], unknown: [] };
    for (let pair = 0; pair < PAIRS; pair += 1) {
      names.known.push((await world.newUser()).name);
      names.unknown.push(newAddress());
    }
    same(t, await timed(names, codeByMail));
  });
});

describe('time of authenticator codes', () => {
  const world = worldOf();

  test('a wrong code of an authenticator takes as long for a known as for an unknown name', {
    timeout: 900_000,
  }, async (t) => {
    const names = { known: [], unknown: [] };
    for (let pair = 0; pair < PAIRS_OF_AUTHENTICATORS; pair += 1) {
      names.known.push(await withAuthenticator());
      names.unknown.push(newAddress());
    }
    same(t, await timed(names, async (name) => {
      const signIn = await world.signIn('passwordless', { name });
      await signIn.answer('totp');
      await signIn.answer(WRONG[0]);
      assert.equal(signIn.tokens, undefined);
    }));
  });

  async function withAuthenticator() {
    const owner = await world.newUser();
    const signIn = await world.signIn('passwordless', owner);
    await signIn.answerByMessage('email', owner.email);
    const { body } = await world.call(signIn, 'POST', '/mfa/authenticators', { name: 'App' });
    const code = new Authenticator(body.secret).next();
    const { status } = await world.call(signIn, 'POST', `/mfa/authenticators/${body.id}/verify`, { code });
    assert.equal(status, 200);
    return owner.name;
  }
});

/** What `walk` takes for each name, in milliseconds: known and unknown ones at random. */
async function timed(names, walk) {
  const times = { known: [], unknown: [] };
  const row = Object.entries(names).flatMap(([arm, of]) => of.map((name) => [Math.random(), arm, name]));
  for (const [, arm, name] of row.sort(([a], [b]) => a - b)) {
    const began = performance.now();
    await walk(name);
    times[arm].push(performance.now() - began);
  }
  return times;
}

/** Prints and compares: medians against the spread, and how often an unknown name took longer. */
function same(t, { known, unknown }) {
  const [ofKnown, ofUnknown] = [known, unknown].map((times) => quantile(times, 0.5));
  const all = [...known, ...unknown];
  const spread = quantile(all, 0.75) - quantile(all, 0.25);
  const apart = Math.abs(ofKnown - ofUnknown);
  const longer = known.reduce((sum, time) => sum + unknown.filter((other) => other > time).length, 0);
  const ms = (time) => `${time.toFixed(2)} ms`;
  t.diagnostic(
    `${known.length} pairs: medians ${ms(ofKnown)} known, ${ms(ofUnknown)} unknown, ${ms(apart)} apart; ` +
      `spread (interquartile) ${ms(spread)}; an unknown name took longer in ` +
      `${((100 * longer) / (known.length * unknown.length)).toFixed(1)} % of all comparisons`,
  );
  assert.ok(apart < spread * LIMIT_OF_SPREAD, `${ms(apart)} apart, the spread is ${ms(spread)}`);
}

function quantile(times, part) {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * part)];
}

/** The functions with a `deliver` that does nothing: on AWS it runs elsewhere, here it would take the processor
 * from the answer that is measured, and more of it where there is a mailbox to deliver to. */
function idleDeliver(path) {
  const functions = join(path, 'functions');
  mkdirSync(functions);
  const built = dirname(binary);
  for (const name of readdirSync(join(workspace, 'functions'))) {
    symlinkSync(join(built, name === 'deliver' ? 'custom-message' : name), join(functions, name));
  }
  return functions;
}
