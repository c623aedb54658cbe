// The access of a browser that Cognito remembers, or that is trusted at custom clients.
import assert from 'node:assert/strict';

import { NO_CODE, journey, noTokens, worldOf } from './harness/world.js';

const world = worldOf();

/** Signs in at `native` with the password and a remembered browser. */
async function byRememberedDevice(owner, device) {
  const signIn = await world.signIn('native', owner, { password: owner.password, device });
  return signIn.proveRememberedDevice(device);
}

/** Signs in at `custom` with the password and a trusted browser. */
async function byTrustedDevice(owner, device) {
  const signIn = await world.signIn('custom', owner, { password: owner.password });
  return signIn.answer(await device.sign(signIn.shown));
}

async function withRememberedDevice() {
  const owner = await world.newUserWithPoolAuthenticator();
  const device = await world.rememberDevice(owner.signIn);
  assert.ok((await byRememberedDevice(owner, device)).tokens, 'the owner signs in with the browser');
  return { owner, device };
}

async function withTrustedDevice() {
  const owner = await world.newUserWithAuthenticator();
  const device = await world.trustDevice(owner.signIn);
  assert.ok(device, 'the owner trusts a browser after a proven sign-in');
  return { owner, device };
}

journey('holds password and remembered device: signs in at native and tries every change', async () => {
  const { owner, device } = await withRememberedDevice();
  await world.everyChangeRefused(owner, await byRememberedDevice(owner, device));
});

journey('holds password and trusted device: signs in at custom and tries every change', async () => {
  const { owner, device } = await withTrustedDevice();
  const signIn = await byTrustedDevice(owner, device);
  assert.ok(signIn.tokens);
  await world.everyChangeRefused(owner, signIn);
  await world.signInAsOwner(owner);
});

journey('holds password and trusted device: mints recovery codes to keep when the device is gone', async () => {
  const { owner, device } = await withTrustedDevice();
  await world.unchanged(owner, async () => {
    const [code = NO_CODE] = await world.mintRecoveryCodes(await byTrustedDevice(owner, device));
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(code);
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds password and trusted device: trusts a second device with the first', async () => {
  const { owner, device } = await withTrustedDevice();
  await world.unchanged(owner, async () => {
    assert.equal(await world.trustDevice(await byTrustedDevice(owner, device)), undefined);
  });
});

journey('holds a trusted device without the password: signs in at passwordless with it alone', async () => {
  const { owner, device } = await withTrustedDevice();
  device.clientId = world.clients.passwordless.id;
  const signIn = await world.signIn('passwordless', owner);
  await signIn.answer(await device.sign(signIn.shown));
  noTokens(signIn);
});

journey('holds a trusted device without the password: signs in at custom with it', async () => {
  const { owner, device } = await withTrustedDevice();
  const signIn = await world.signIn('custom', owner);
  await signIn.answer(await device.sign({ nonce: '0'.repeat(32) }));
  noTokens(signIn);
});

journey('holds mailbox and trusted device: proves both at passwordless and tries every change', async () => {
  const { owner, device } = await withTrustedDevice();
  const signIn = await world.signIn('passwordless', owner);
  device.clientId = world.clients.passwordless.id;
  await signIn.answerByMessage('email', owner.email);
  if (signIn.challenge !== undefined) await signIn.answer(await device.sign(signIn.shown));
  await world.everyChangeRefused(owner, signIn);
});

journey('holds mailbox and trusted device: resets the password, then signs in with the device', async () => {
  const { owner, device } = await withTrustedDevice();
  owner.password = await world.resetPassword(owner, owner.email);
  noTokens(await byTrustedDevice(owner, device));
  await world.signInAsOwner(owner);
});

journey('holds password and trusted device: the owner has replaced the recovery codes', async () => {
  const { owner, device } = await withTrustedDevice();
  owner.recoveryCodes = await world.mintRecoveryCodes(owner.signIn);
  assert.equal(owner.recoveryCodes.length, 10);
  noTokens(await byTrustedDevice(owner, device));
  await world.signInAsOwner(owner);
});

journey('holds a signature of a trusted device: gives it at another sign-in', async () => {
  const { owner, device } = await withTrustedDevice();
  const one = await world.signIn('custom', owner, { password: owner.password });
  const signature = await device.sign(one.shown);
  const other = await world.signIn('custom', owner, { password: owner.password });
  await other.answer(signature);
  noTokens(other);
});

journey('holds password and remembered device: the owner has changed the factors through the API', async () => {
  const { owner, device } = await withRememberedDevice();
  const { status, body } = await world.call(owner.signIn, 'PUT', '/mfa/preference', { totp: 'NOT_PREFERRED' });
  assert.equal(status, 200, JSON.stringify(body));
  noTokens(await byRememberedDevice(owner, device));
});

journey('holds mailbox and remembered device: resets the password, then signs in with the device', async () => {
  const { owner, device } = await withRememberedDevice();
  owner.password = await world.resetPassword(owner, owner.email);
  noTokens(await byRememberedDevice(owner, device));
});

journey('holds password and remembered device: support has reset the factors', async () => {
  const { owner, device } = await withRememberedDevice();
  const helper = await world.newHelper();
  await world.administrationDone(helper.signIn, 'mfa-reset', owner.name);
  noTokens(await byRememberedDevice(owner, device));
});

journey('holds the password and a remembered device of their own: gives its key for the owner’s sign-in', async () => {
  const { owner } = await withRememberedDevice();
  const { device } = await withRememberedDevice();
  const signIn = await world.signIn('native', owner, { password: owner.password, device });
  await signIn.proveRememberedDevice(device);
  noTokens(signIn);
});

journey('holds password and remembered device: signs in at custom, where it is no factor', async () => {
  const owner = await world.newUserWithAuthenticator();
  const device = await world.rememberDevice(owner.signIn);
  const signIn = await world.signIn('custom', owner, { password: owner.password, device });
  await signIn.proveRememberedDevice(device);
  noTokens(signIn);
  assert.equal(signIn.step, 'begin', 'the challenge is still there');
});

journey('holds a refresh token of a remembered device: has it renewed and tries every change', async () => {
  const { owner, device } = await withRememberedDevice();
  const signIn = await byRememberedDevice(owner, device);
  const renewed = await world.refresh('native', Object.assign(signIn, {
    tokens: { ...signIn.tokens, NewDeviceMetadata: { DeviceKey: device.key } },
  }));
  assert.ok(renewed.tokens);
  await world.everyChangeRefused(owner, renewed);
});
