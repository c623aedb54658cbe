// Shows what gives access to the recovery of an account whose authenticator is lost.
import assert from 'node:assert/strict';

import { NEW_PASSWORD, NO_CODE, journey, noTokens, unusedCode, worldOf } from './harness/world.js';

const world = worldOf({ policy: '[recovery.email]\nopen = true\n' });

/** Calls the public API. The secret of a recovery replaces a token. */
async function recover(path, body, secret) {
  const response = await world.cloud.api(path, { method: 'POST', token: secret, body });
  return { http: response.status, ...(await response.json()) };
}

function open(owner, password = owner.password) {
  return recover('/recovery', { username: owner.name, password });
}

journey('holds password and mailbox: asks for a code by e-mail, and enters none at once', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  await world.unchanged(owner, async () => {
    const { secret } = await open(owner);
    const before = (await world.cloud.messages(owner.email)).filter(({ code }) => code !== undefined).length;
    await recover('/recovery/email', {}, secret);
    assert.ok((await recover('/recovery/code', { code: NO_CODE }, secret)).http >= 400);
    const passwords = { oldPassword: owner.password, password: NEW_PASSWORD };
    assert.ok((await recover('/recovery/password', passwords, secret)).http >= 400);
    const codes = (await world.cloud.messages(owner.email)).filter(({ code }) => code !== undefined);
    assert.equal(codes.length, before, 'no code before the owner has had days to say no');
  });
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: resets the password, then asks a recovery for a code by e-mail', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const { secret } = await open(owner);
    const asked = await recover('/recovery/email', {}, secret);
    assert.notEqual(asked.status, 'proven');
    const passwords = { oldPassword: owner.password, password: 'Third-Horse-1234' };
    assert.ok((await recover('/recovery/password', passwords, secret)).http >= 400);
  });
  await world.signInAsOwner(owner);
});

journey('holds the password: leaves the recovery code out and sets a new password', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  await world.unchanged(owner, async () => {
    const { secret } = await open(owner);
    const passwords = { oldPassword: owner.password, password: NEW_PASSWORD };
    assert.ok((await recover('/recovery/password', passwords, secret)).http >= 400);
    noTokens(await world.signIn('native', owner, { password: NEW_PASSWORD }));
  });
  await world.signInAsOwner(owner);
});

journey('holds the secret of a recovery that the owner proves: sets a password without the old one', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  const { secret } = await open(owner);
  const proven = await recover('/recovery/code', { code: owner.recoveryCodes.pop() }, secret);
  assert.equal(proven.status, 'proven', JSON.stringify(proven));
  const { own } = await world.factorsOf(owner);
  const guessed = { oldPassword: 'Guessed-Horse-1', password: NEW_PASSWORD };
  assert.notEqual((await recover('/recovery/password', guessed, secret)).status, 'recovered');
  noTokens(await world.signIn('native', owner, { password: NEW_PASSWORD }));
  assert.deepEqual((await world.factorsOf(owner)).own, own);
});

journey('holds a used recovery code and the password: opens a recovery with it', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  const used = owner.recoveryCodes.at(-1);
  await world.signInAsOwner(owner);
  await world.unchanged(owner, async () => {
    const { secret } = await open(owner);
    const answer = await recover('/recovery/code', { code: used }, secret);
    assert.notEqual(answer.status, 'proven');
  });
  await world.signInAsOwner(owner);
});

journey('holds the session of a recovered account: goes on with tokens of before', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  const stolen = owner.signIn;
  const { secret } = await open(owner);
  await recover('/recovery/code', { code: owner.recoveryCodes.pop() }, secret);
  const done = await recover('/recovery/password', { oldPassword: owner.password, password: NEW_PASSWORD }, secret);
  assert.equal(done.status, 'recovered', JSON.stringify(done));
  assert.equal((await world.refresh('custom', stolen)).tokens, undefined);
  await world.everyChangeRefused(owner, stolen);
  owner.password = NEW_PASSWORD;
  world.lose(owner, owner.recoveryCodes);
  await world.firstSignIn(owner);
});

journey('held the password before the owner had a factor: recovers with codes made at native then', async () => {
  const owner = await world.newUser({ phone: true });
  let native = await world.signIn('native', owner, { password: owner.password });
  const app = await world.setUpPoolAuthenticator(native);
  for (let again = 0; again < 2; again += 1) {
    native = await world.signIn('native', owner, { password: owner.password });
    await native.answer(await unusedCode(app));
  }
  const planted = await world.mintRecoveryCodes(native);
  assert.equal(planted.length, 10);
  const { AccessToken } = native.tokens;
  await world.cognito('SetUserMFAPreference', { AccessToken, SoftwareTokenMfaSettings: { Enabled: false } });
  await world.firstSignIn(owner);
  owner.poolApp = await world.setUpPoolAuthenticator(owner.signIn);
  const { secret } = await open(owner);
  const proven = await recover('/recovery/code', { code: planted[0] }, secret);
  assert.notEqual(proven.status, 'proven');
});

journey('an honest user who has recovered signs in at native with the text messages that stay on', async () => {
  const owner = await world.newUserWithBothAuthenticators({ phone: true });
  assert.equal((await world.call(owner.signIn, 'PUT', '/mfa/preference', { sms: 'ENABLED' })).status, 200);
  const { secret } = await open(owner);
  await recover('/recovery/code', { code: owner.recoveryCodes.pop() }, secret);
  const passwords = { oldPassword: owner.password, password: NEW_PASSWORD };
  assert.equal((await recover('/recovery/password', passwords, secret)).status, 'recovered');
  const mailbox = await world.mailbox(owner.phone);
  const signIn = await world.signIn('native', owner, { password: NEW_PASSWORD });
  assert.equal(signIn.challenge, 'SMS_MFA');
  await signIn.answer(await mailbox.nextCode());
  assert.ok(signIn.tokens, `signs in at native: ${signIn.refusal}`);
});
