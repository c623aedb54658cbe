// A pool whose own MFA is off: Cognito asks only for the password, and only custom has factors.
import assert from 'node:assert/strict';

import { NO_CODE, journey, noTokens, worldOf } from './harness/world.js';

const world = worldOf({ mfa: 'off' });

journey('holds the password: mints recovery codes at native, then signs in at custom', async () => {
  const owner = await world.newUser();
  await world.unchanged(owner, async () => {
    const native = await world.signIn('native', owner, { password: owner.password });
    const [code = NO_CODE] = await world.mintRecoveryCodes(native);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(code);
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the password: adds an authenticator and trusts a device at native, then signs in at custom', async () => {
  const owner = await world.newUserBySms();
  await world.unchanged(owner, async () => {
    const native = await world.signIn('native', owner, { password: owner.password });
    const app = await world.addAuthenticator(native);
    const device = await world.trustDevice(native);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(device === undefined ? NO_CODE : await device.sign(custom.shown));
    await custom.answer(app?.next() ?? '000000');
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the password: tries every change with a token of native, as a user of custom', async () => {
  const owner = await world.newUserWithAuthenticator();
  const native = await world.signIn('native', owner, { password: owner.password });
  await world.everyChangeRefused(owner, native);
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: resets the password, then signs in at custom by e-mail code', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answerByMessage('email', owner.email);
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: resets the password, mints recovery codes at native, signs in at custom', async () => {
  const owner = await world.newUserBySms();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const native = await world.signIn('native', owner, { password: owner.password });
    const [code = NO_CODE] = await world.mintRecoveryCodes(native);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(code);
    noTokens(custom);
  });
});

journey('holds the mailbox: signs in at passwordless and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const thief = await world.signIn('passwordless', owner);
  await thief.answerByMessage('email', owner.email);
  await world.everyChangeRefused(owner, thief);
  await world.signInAsOwner(owner);
});

journey('holds password and trusted device: signs in at custom and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const device = await world.trustDevice(owner.signIn);
  assert.ok(device);
  const thief = await world.signIn('custom', owner, { password: owner.password });
  await thief.answer(await device.sign(thief.shown));
  assert.ok(thief.tokens);
  await world.everyChangeRefused(owner, thief);
});

journey('holds a stolen refresh token of custom: renews it at once and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const renewed = await world.refresh('custom', owner.signIn);
  assert.ok(renewed.tokens);
  await world.everyChangeRefused(owner, renewed);
});
