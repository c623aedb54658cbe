// What a user of the MFA API waits for at the local gateway, beside Cognito's own calls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startCloud } from '../harness/cloud.js';
import { signIn, signUp } from '../harness/user.js';

const ROUNDS = 300;
// Of functions and a gateway that are not optimised, on a machine that does other things too.
const LIMIT_MS = 60;

let cloud;
let token;

before(async () => {
  cloud = await startCloud();
  token = (await signIn(cloud, await signUp(cloud))).AccessToken;
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

/** Sorted times in ms, warm, one after another; slower than the gateway's throttle. */
async function times(call) {
  const found = [];
  for (let round = 0; round < ROUNDS + 20; round += 1) {
    const started = performance.now();
    await call();
    const time = performance.now() - started;
    if (round >= 20) found.push(time);
    await new Promise((done) => setTimeout(done, Math.max(0, 21 - time)));
  }
  return found.sort((a, b) => a - b);
}

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

test('what overview and preference take beside GetUser', async (t) => {
  const pool = await times(() => cloud.cognito('GetUser', { AccessToken: token }));
  t.diagnostic(`GetUser at the pool: median ${at(pool, 0.5).toFixed(1)}, p99 ${at(pool, 0.99).toFixed(1)} ms`);
  for (const path of ['/openapi.json', '/mfa', '/mfa/preference']) {
    const route = await times(async () => assert.equal((await cloud.api(path, { token })).status, 200));
    const beside = at(route, 0.99) - at(pool, 0.5);
    t.diagnostic(
      `GET ${path}: median ${at(route, 0.5).toFixed(1)}, p99 ${at(route, 0.99).toFixed(1)} ms; p99 beside GetUser ${beside.toFixed(1)} ms`,
    );
    assert.ok(beside <= LIMIT_MS, `${path}: ${beside} ms`);
  }
});
