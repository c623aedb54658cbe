// Shows what a mailbox gives access to after a recovery that left a pool factor on. `passwordless` asks for two
// factors here, and Cognito asks for no pool factor there. So the thief needs a new authenticator.
import assert from 'node:assert/strict';

import { NO_CODE, journey, noTokens, worldOf } from './harness/world.js';

const world = worldOf({ passwordless: 'factors = 2\n  factor_kinds = ["email", "totp"]' });

async function recover(path, body, secret) {
  const response = await world.cloud.api(path, { method: 'POST', token: secret, body });
  return response.json();
}

journey('holds the mailbox, after a recovery that left text messages on: sets up an authenticator at passwordless', async () => {
  const owner = await world.newUserWithBothAuthenticators({ phone: true });
  assert.equal((await world.call(owner.signIn, 'PUT', '/mfa/preference', { sms: 'ENABLED' })).status, 200);
  const { secret } = await recover('/recovery', { username: owner.name, password: owner.password });
  await recover('/recovery/code', { code: owner.recoveryCodes.pop() }, secret);
  const passwords = { oldPassword: owner.password, password: 'Third-Horse-1234' };
  assert.equal((await recover('/recovery/password', passwords, secret)).status, 'recovered');
  const passwordless = await world.signIn('passwordless', owner);
  const mailbox = await world.mailbox(owner.email);
  await passwordless.answer('email');
  // No code is sent: the sign-in is a decoy.
  await passwordless.answer(await mailbox.nextCode().catch(() => NO_CODE));
  assert.notEqual(passwordless.step, 'enrol', 'the text messages that stay on come first');
  noTokens(passwordless);
});
