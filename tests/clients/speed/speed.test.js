// The waits of a contributor, measured on an idle machine. The figures are printed. The limits are the
// project's promises.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, signIn, signOut } from 'aws-amplify/auth';

import { Authenticator } from '../harness/authenticator.js';
import { startCloud, temporaryFolder, workspace } from '../harness/cloud.js';
import { PASSWORD as password, signIn as signInWithoutMfa, signUp } from '../harness/user.js';

const SIGN_INS = 9;
const LIMIT_MS = 50;
// A shared machine can be half as fast for hours. The limit for a sign-in scales with the time of the bare
// exchange where that exceeds its time at rest here (33 to 34 ms). Measured: 1.2 to 1.5 times, idle and
// beside two busy processes.
const BARE_AT_REST_MS = 35;
const LIMIT_TO_BARE = 2;

let cloud;

before(async () => {
  cloud = await startCloud();
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

test('`cargo xtask dev` of a built workspace is ready within 2 s and says so in one line', async (t) => {
  const folder = temporaryFolder();
  const file = join(folder.path, 'endpoints.json');
  const times = [];
  for (let round = 0; round < 3; round += 1) {
    const started = performance.now();
    const flags = ['--headless', '--memory', '--port', '0', '--endpoints-file', file];
    const child = spawn('cargo', ['xtask', 'dev', ...flags], {
      cwd: workspace,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const lines = [];
    const output = createInterface({ input: child.stdout });
    output.on('line', (line) => lines.push(line));
    const closed = once(child, 'close');
    await Promise.race([once(output, 'line'), closed]);
    times.push(performance.now() - started);
    // The command has become the cloud, so the signal needs no forwarding.
    child.kill('SIGINT');
    const [code] = await closed;
    assert.deepEqual({ code, lines }, { code: 0, lines: [`READY ${file}`] });
  }
  folder.remove();
  t.diagnostic(`start to READY: ${times.map((time) => time.toFixed(0)).join(', ')} ms`);
  assert.ok(Math.min(...times) <= 2_000);
});

test('the local cloud is ready within 2 s and takes at most 60 MB', (t) => {
  t.diagnostic(`start to READY: ${cloud.readyAfter.toFixed(0)} ms, resident: ${cloud.residentMB().toFixed(1)} MB`);
  assert.ok(cloud.readyAfter <= 2_000);
  assert.ok(cloud.residentMB() <= 60);
});

test('a sign-in with SRP and a TOTP code takes at most 50 ms beside the client’s arithmetic', async (t) => {
  const { userPoolId, clients, cognito } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.native.id, userPoolEndpoint: cognito } },
  });
  // Other work on the machine makes a series slower, never faster.
  let waits = Infinity;
  let limit = LIMIT_MS;
  for (let series = 0; series < 3 && waits > limit; series += 1) {
    const rounds = await signIns();
    waits = median(rounds.map((round) => round.waits));
    const bare = median(rounds.map((round) => round.bare));
    limit = bare > BARE_AT_REST_MS ? LIMIT_TO_BARE * bare : LIMIT_MS;
    t.diagnostic(`${SIGN_INS} sign-ins: median ${waits.toFixed(1)} ms; beside the same way without work: ${bare.toFixed(1)} ms`);
  }
  assert.ok(waits <= limit, `${waits} ms, limit ${limit} ms`);
});

/** Returns the waits of full sign-ins for the pool, each beside requests that take the same way and do
 * almost nothing. */
async function signIns() {
  const rounds = [];
  // Each sign-in has its own user: a code works once, and the test does not wait for the next one.
  for (let round = 0; round < SIGN_INS; round += 1) {
    const { username, authenticator, token } = await userWithTotp();
    const requests = await timed(async () => {
      const { nextStep } = await signIn({ username, password });
      assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
      const done = await confirmSignIn({ challengeResponse: authenticator.next() });
      assert.equal(done.nextStep.signInStep, 'DONE');
    });
    assert.deepEqual(
      requests.slice(0, 3).map(({ operation }) => operation),
      ['InitiateAuth', 'RespondToAuthChallenge', 'RespondToAuthChallenge'],
    );
    const waits = requests.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    rounds.push({ waits, bare: await bareWay(token) });
    await signOut();
  }
  return rounds;
}

/** Returns the time of a sign-in's way without its work, in milliseconds: three times to the pool and three
 * times to a function. */
async function bareWay(AccessToken) {
  const started = performance.now();
  for (let time = 0; time < 3; time += 1) {
    await cloud.cognito('GetUser', { AccessToken });
    await (await cloud.api('/openapi.json')).arrayBuffer();
  }
  return performance.now() - started;
}

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

async function userWithTotp() {
  const username = await signUp(cloud);
  const { AccessToken } = await signInWithoutMfa(cloud, username);
  const { SecretCode } = await cloud.cognito('AssociateSoftwareToken', { AccessToken });
  const authenticator = new Authenticator(SecretCode);
  await cloud.cognito('VerifySoftwareToken', { AccessToken, UserCode: authenticator.next() });
  await cloud.cognito('SetUserMFAPreference', {
    AccessToken,
    SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true },
  });
  return { username, authenticator, token: AccessToken };
}

/** Returns the requests that `action` makes, each with its time from the call to the last byte. */
async function timed(action) {
  const requests = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (resource, options) => {
    const start = performance.now();
    const response = await fetch(resource, options);
    const body = await response.arrayBuffer();
    const [, operation] = new Headers(options.headers).get('x-amz-target').split('.');
    requests.push({ operation, milliseconds: performance.now() - start });
    return new Response(body, { status: response.status, headers: response.headers });
  };
  try {
    await action();
  } finally {
    globalThis.fetch = fetch;
  }
  return requests;
}
