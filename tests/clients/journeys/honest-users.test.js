// The effort of honest users: the calls that their client makes, by flow. The test prints and limits them.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { Authenticator } from '../harness/authenticator.js';
import { journey, worldOf } from './harness/world.js';

const world = worldOf();
const steps = [];

after(() => {
  console.log('Calls of an honest user’s client:');
  for (const { what, calls } of steps) console.log(`${String(calls).padStart(4)}  ${what}`);
});

/** Counts the calls of a flow, which must not take more than `most`. Returns the flow's result. */
async function counted(what, most, flow) {
  const before = world.calls;
  const given = await flow();
  const calls = world.calls - before;
  steps.push({ what, calls });
  assert.ok(calls <= most, `${what}: ${calls} calls, at most ${most}`);
  return given;
}

journey('an honest user at native: first sign-in, usual sign-in, change of factors', async () => {
  const owner = await world.newUser();
  const first = await counted('native: first sign-in, the password', 2, () => world.signInNatively(owner));
  await counted('native: a factor set up through the API', 4, async () => {
    const started = await world.call(first, 'POST', '/mfa/totp', {});
    owner.poolApp = new Authenticator(started.body.secret);
    const code = await owner.poolApp.late();
    assert.equal((await world.call(first, 'POST', '/mfa/totp/verify', { code })).status, 200);
    assert.equal((await world.call(first, 'PUT', '/mfa/preference', { totp: 'PREFERRED' })).status, 200);
  });
  await counted('native: usual sign-in, password and code', 3, () => world.signInNatively(owner));
  await counted('native: change of factors, sign-in included', 4, async () => {
    const signIn = await world.signInNatively(owner);
    const { status, body } = await world.call(signIn, 'PUT', '/mfa/preference', { totp: 'ENABLED' });
    assert.equal(status, 200, JSON.stringify(body));
  });
});

journey('an honest user at custom: first sign-in, usual sign-in, change of factors', async () => {
  const owner = await world.newUser();
  await counted('custom: first sign-in, with an authenticator from then on', 6, () => world.firstSignIn(owner));
  const usual = await counted('custom: usual sign-in, password and code', 3, () => world.signInByAuthenticator(owner));
  owner.recoveryCodes = await world.mintRecoveryCodes(usual);
  assert.equal(owner.recoveryCodes.length, 10);
  const device = await world.trustDevice(usual);
  assert.ok(device);
  await counted('custom: usual sign-in, password and trusted device', 3, async () => {
    const signIn = await world.signIn('custom', owner, { password: owner.password });
    await signIn.answer(await device.sign(signIn.shown));
    assert.ok(signIn.tokens);
  });
  await counted('custom: sign-in by recovery code', 3, () => world.signInAsOwner(owner));
  await counted('custom: change of factors, sign-in included', 4, async () => {
    const signIn = await world.signInAsOwner(owner);
    assert.equal((await world.mintRecoveryCodes(signIn)).length, 10);
  });
});

journey('an honest user at custom by text message: first sign-in, usual sign-in, change of factors', async () => {
  const owner = await world.newUser({ phone: true });
  await counted('custom, text messages: first sign-in', 4, () => world.signInAsOwner(owner));
  await counted('custom, text messages: usual sign-in', 4, () => world.signInAsOwner(owner));
  await counted('custom, text messages: change of factors, sign-in included', 6, async () => {
    const signIn = await world.signInAsOwner(owner);
    assert.ok(await world.addAuthenticator(signIn), 'an authenticator beside text messages');
  });
});

journey('an honest user at passwordless: sign-in by e-mail code, first authenticator, change of factors', async () => {
  const owner = await world.newUser();
  const byMail = async () => {
    const signIn = await world.signIn('passwordless', owner);
    await signIn.answerByMessage('email', owner.email);
    assert.ok(signIn.tokens, `${signIn.refusal ?? signIn.step}`);
    return signIn;
  };
  const first = await counted('passwordless: first sign-in', 3, byMail);
  await counted('passwordless: usual sign-in', 3, byMail);
  owner.app = await counted('passwordless: a first authenticator', 2, () => world.addAuthenticator(first));
  assert.ok(owner.app);
  await counted('passwordless: change of factors, sign-in with the password included', 4, async () => {
    const signIn = await world.signInByAuthenticator(owner);
    assert.equal((await world.mintRecoveryCodes(signIn)).length, 10);
  });
});

journey('an honest user who has lost the authenticator: recovers the account and sets up a new one', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  const password = 'Better-Horse-10';
  await counted('recovery by recovery code', 3, async () => {
    const post = async (path, token, body) => {
      world.calls += 1;
      const response = await world.cloud.api(path, { method: 'POST', token, body });
      const answer = await response.json();
      assert.ok(response.ok, `${path}: ${JSON.stringify(answer)}`);
      return answer;
    };
    const { secret } = await post('/recovery', undefined, { username: owner.name, password: owner.password });
    await post('/recovery/code', secret, { code: owner.recoveryCodes[0] });
    await post('/recovery/password', secret, { oldPassword: owner.password, password });
  });
  owner.password = password;
  world.lose(owner, owner.recoveryCodes);
  await counted('custom: first sign-in after a recovery', 6, () => world.firstSignIn(owner));
});
