// Whether the time of an answer reveals who has an account. Custom challenges of known and unknown names are
// mixed at random and compared with the noise between known names. `PAIRS=1000` runs the full count.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { binary, startCloud, temporaryFolder, workspace } from '../harness/cloud.js';
import { templateWith } from '../harness/policy.js';
import { newAddress, PASSWORD } from '../harness/user.js';

const PAIRS = Number(process.env.PAIRS ?? 100);
const LIMIT_MS = 5;
// A share of the answer's time, because a slow machine makes all of it longer. Omitting a call of a function
// or of the table exceeds it.
const LIMIT_PART = 1 / 7;

const folder = temporaryFolder();
const policy = `
  [governor]
  dry_run = true
  [custom_auth.clients.custom]
  first_step = "passwordless"
`;
let cloud;

before(async () => {
  const template = templateWith(folder.path, policy);
  cloud = await startCloud(['--memory', '--template', template, '--functions-dir', idleDeliver()]);
});

after(async () => {
  folder.remove();
  await cloud.stop();
});

test('a known and an unknown name take the same time', { timeout: 540_000 }, async (t) => {
  // Each name once: a name has only a few challenge slots, known or not. Further sign-ins would fail.
  const names = { known: [], others: [], unknown: [] };
  for (let pair = 0; pair < PAIRS; pair += 1) {
    names.known.push(await user());
    names.others.push(await user());
    names.unknown.push(newAddress());
  }
  const times = { known: [], others: [], unknown: [] };
  const row = Object.entries(names).flatMap(([arm, of]) => of.map((name) => [arm, name]));
  for (const [arm, name] of shuffled(row)) {
    times[arm].push(await codeAsked(name));
  }
  const [known, others, unknown] = Object.values(times).map(median);
  const ms = (time) => time.toFixed(2);
  t.diagnostic(
    `${PAIRS} each: known ${ms(known)} ms, other known ${ms(others)} ms, unknown ${ms(unknown)} ms; ` +
      `difference ${ms(Math.abs(known - unknown))} ms, noise ${ms(Math.abs(known - others))} ms`,
  );
  assert.ok(Math.abs(known - unknown) < Math.max(LIMIT_MS, known * LIMIT_PART, Math.abs(known - others)));
});

/** The functions with a `deliver` that does nothing. On AWS it runs elsewhere. Here it would take the
 * processor from the measured answer, and more of it if there is a message to deliver. */
function idleDeliver() {
  const functions = join(folder.path, 'functions');
  mkdirSync(functions);
  const built = dirname(binary);
  for (const name of readdirSync(join(workspace, 'functions'))) {
    symlinkSync(join(built, name === 'deliver' ? 'custom-message' : name), join(functions, name));
  }
  return functions;
}

/** Creates a user as an administrator of the pool does. */
async function user() {
  const user = { UserPoolId: cloud.endpoints.userPoolId, Username: newAddress() };
  await cloud.cognito('AdminCreateUser', {
    ...user,
    MessageAction: 'SUPPRESS',
    UserAttributes: [
      { Name: 'email', Value: user.Username },
      { Name: 'email_verified', Value: 'true' },
    ],
  });
  await cloud.cognito('AdminSetUserPassword', { ...user, Password: PASSWORD, Permanent: true });
  return user.Username;
}

/** Starts a sign-in and asks for a code by e-mail. Returns the times of both answers, in milliseconds. */
async function codeAsked(name) {
  const ClientId = cloud.endpoints.clients.custom.id;
  const started = performance.now();
  const begun = await cloud.cognito('InitiateAuth', {
    AuthFlow: 'CUSTOM_AUTH',
    ClientId,
    AuthParameters: { USERNAME: name },
  });
  const { USERNAME, nonce, step } = begun.ChallengeParameters;
  assert.equal(step, 'begin');
  const asked = await cloud.cognito('RespondToAuthChallenge', {
    ClientId,
    ChallengeName: 'CUSTOM_CHALLENGE',
    Session: begun.Session,
    ChallengeResponses: { USERNAME, ANSWER: 'email' },
    ClientMetadata: { nonce },
  });
  const time = performance.now() - started;
  assert.equal(asked.ChallengeParameters.step, 'code');
  return time;
}

function shuffled(row) {
  return row.map((one) => [Math.random(), one]).sort(([a], [b]) => a - b).map(([, one]) => one);
}

function median(times) {
  return times.toSorted((a, b) => a - b)[times.length >> 1];
}
