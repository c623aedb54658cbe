// A pool that requires MFA: Cognito lets a user without a factor set one up in the sign-in (MFA_SETUP).
import assert from 'node:assert/strict';

import { GROUP_OF_HELPERS, NO_CODE, journey, noTokens, worldOf } from './harness/world.js';

const world = worldOf({ mfa: 'on' });

/** Creates a user of `passwordless` with a named authenticator and no pool factor. */
async function passwordlessUser(wishes) {
  const owner = await world.newUser(wishes);
  const first = await world.signIn('passwordless', owner);
  await first.answerByMessage('email', owner.email);
  assert.ok(first.tokens, 'the owner signs in by e-mail code');
  owner.app = await world.addAuthenticator(first);
  assert.ok(owner.app, 'a first authenticator, after a code');
  owner.signIn = await world.signIn('passwordless', owner);
  await owner.signIn.answer(owner.app.next());
  assert.ok(owner.signIn.tokens, 'the owner signs in by authenticator');
  return owner;
}

/** Enters the password at `native`, and sets up the factor that Cognito asks for. */
async function setUpInSignIn(owner) {
  const native = await world.signIn('native', owner, { password: owner.password });
  assert.equal(native.challenge, 'MFA_SETUP');
  await native.setUpInPool();
  return native;
}

journey('holds the password: sets a factor up in the sign-in at native, as a user of passwordless', async () => {
  const owner = await passwordlessUser();
  noTokens(await setUpInSignIn(owner));
});

journey('holds the password: sets a factor up in the sign-in, mints recovery codes, signs in at passwordless', async () => {
  const owner = await passwordlessUser();
  const { own } = await world.factorsOf(owner);
  const native = await setUpInSignIn(owner);
  const [code = NO_CODE] = await world.mintRecoveryCodes(native);
  const thief = await world.signIn('passwordless', owner);
  await thief.answer(code);
  noTokens(thief);
  assert.deepEqual((await world.factorsOf(owner)).own, own);
});

journey('holds the password: sets a factor up in the sign-in, then makes factors for custom', async () => {
  const owner = await world.newUser();
  const { own } = await world.factorsOf(owner);
  const native = await setUpInSignIn(owner);
  assert.deepEqual(await world.mintRecoveryCodes(native), []);
  assert.equal(await world.addAuthenticator(native), undefined);
  assert.equal(await world.trustDevice(native), undefined);
  assert.deepEqual((await world.factorsOf(owner)).own, own);
});

journey('holds the password: sets a factor up in the sign-in, and again with it, as a user of passwordless', async () => {
  const owner = await passwordlessUser();
  const native = await world.signIn('native', owner, { password: owner.password });
  const app = await native.setUpInPool();
  noTokens(native);
  const { own } = await world.factorsOf(owner);
  // Cognito has kept the factor, which from now on the thief holds.
  const again = await world.signIn('native', owner, { password: owner.password });
  await again.answer(app.next());
  noTokens(again);
  assert.deepEqual(await world.mintRecoveryCodes(again), []);
  assert.equal(await world.addAuthenticator(again), undefined);
  assert.deepEqual((await world.factorsOf(owner)).own, own);
});

journey('holds an administrator’s password: sets a factor up in the sign-in, and looks and resets', async () => {
  const owner = await passwordlessUser();
  const helper = await world.newUser({ groups: [GROUP_OF_HELPERS] });
  const native = await setUpInSignIn(helper);
  await world.unchanged(owner, async () => {
    await world.administrationRefused(native, 'find', owner.name);
    await world.administrationRefused(native, 'mfa-reset', owner.name);
    await world.administrationRefused(native, 'phone-number', owner.name, { phoneNumber: '+12025558888' });
  });
});

journey('holds the mailbox: resets the password, sets a factor up in the sign-in, as a user of passwordless', async () => {
  const owner = await passwordlessUser();
  const { own } = await world.factorsOf(owner);
  owner.password = await world.resetPassword(owner, owner.email);
  const native = await setUpInSignIn(owner);
  const [code = NO_CODE] = await world.mintRecoveryCodes(native);
  assert.equal(code, NO_CODE);
  noTokens(native);
  assert.deepEqual((await world.factorsOf(owner)).own, own);
});

journey('holds the mailbox: signs in at passwordless and tries every change', async () => {
  const owner = await passwordlessUser();
  const thief = await world.signIn('passwordless', owner);
  await thief.answerByMessage('email', owner.email);
  await world.everyChangeRefused(owner, thief);
});

journey('holds the password: has a second factor associated by the session that asks for the first', async () => {
  const owner = await world.newUserWithPoolAuthenticator();
  await world.unchanged(owner, async () => {
    const native = await world.signIn('native', owner, { password: owner.password });
    assert.equal(native.challenge, 'SOFTWARE_TOKEN_MFA');
    await assert.rejects(world.cognito('AssociateSoftwareToken', { Session: native.session }), {
      name: 'NotAuthorizedException',
    });
    await native.respond({ SOFTWARE_TOKEN_MFA_CODE: owner.poolApp.wrong() });
    noTokens(native);
  });
});

journey('holds password and remembered device: signs in at native and tries every change', async () => {
  const owner = await world.newUserWithPoolAuthenticator();
  const device = await world.rememberDevice(owner.signIn);
  const native = await world.signIn('native', owner, { password: owner.password, device });
  await native.proveRememberedDevice(device);
  assert.ok(native.tokens);
  await world.everyChangeRefused(owner, native);
});
