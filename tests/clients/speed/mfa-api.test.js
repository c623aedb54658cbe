// The time that a user of the MFA API waits at the local gateway. The test compares it with Cognito's own
// call, and with the way to a function and back, which a route without calls shows.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startCloud } from '../harness/cloud.js';
import { signIn, signUp } from '../harness/user.js';

const ROUNDS = 300;
const LIMIT_MS = 10;

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

/** Returns sorted times in ms, warm, one call after another, slower than the gateway's throttle. */
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

test('overview and preference take at most 10 ms beside GetUser and the way there', async (t) => {
  const pool = await times(() => cloud.cognito('GetUser', { AccessToken: token }));
  t.diagnostic(`GetUser at the pool: median ${at(pool, 0.5).toFixed(1)}, p99 ${at(pool, 0.99).toFixed(1)} ms`);
  const way = await times(() => cloud.api('/openapi.json').then((answer) => answer.arrayBuffer()));
  t.diagnostic(`GET /openapi.json: median ${at(way, 0.5).toFixed(1)}, p99 ${at(way, 0.99).toFixed(1)} ms`);
  for (const path of ['/mfa', '/mfa/preference']) {
    const route = await times(async () => {
      const answer = await cloud.api(path, { token });
      assert.equal(answer.status, 200);
      await answer.arrayBuffer();
    });
    const beside = at(route, 0.5) - at(pool, 0.5) - at(way, 0.5);
    t.diagnostic(
      `GET ${path}: median ${at(route, 0.5).toFixed(1)}, p99 ${at(route, 0.99).toFixed(1)} ms; median beside both ${beside.toFixed(1)} ms`,
    );
    assert.ok(beside <= LIMIT_MS, `${path}: ${beside} ms`);
  }
});
