// Shows what a mailbox or a phone gives access to, with the passwords that they reset.
import assert from 'node:assert/strict';

import { newAddress } from '../harness/user.js';
import { NO_CODE, journey, noTokens, oneProof, worldOf } from './harness/world.js';

const world = worldOf();

/** Signs in at `passwordless` with a code from the mailbox. */
async function byMail(owner) {
  const signIn = await world.signIn('passwordless', owner);
  return signIn.answerByMessage('email', owner.email);
}

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

journey('holds the mailbox: resets the password, then signs in at native as a user of text messages', async () => {
  const owner = await world.newUserBySms();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    noTokens(await world.signIn('native', owner, { password: owner.password }));
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

journey('holds the mailbox: resets the password, then proves password and e-mail code as a user of text messages', async () => {
  const owner = await world.newUserBySms();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answerByMessage('email', owner.email);
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: resets the password, signs in at native with a factor of the pool on', async () => {
  const owner = await world.newUserWithPoolAuthenticator();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const native = await world.signIn('native', owner, { password: owner.password });
    await native.answer('000000');
    noTokens(native);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answerByMessage('email', owner.email);
    noTokens(custom);
  });
});

journey('holds the mailbox: signs in at passwordless, which is one proof, and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const signIn = await byMail(owner);
  await world.everyChangeRefused(owner, signIn);
  oneProof(signIn);
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: mints recovery codes at passwordless, resets the password, signs in at custom', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.unchanged(owner, async () => {
    const [code = NO_CODE] = await world.mintRecoveryCodes(await byMail(owner));
    owner.password = await world.resetPassword(owner, owner.email);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(code);
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: trusts a device at passwordless, resets the password, signs in at custom with it', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.unchanged(owner, async () => {
    const device = await world.trustDevice(await byMail(owner));
    owner.password = await world.resetPassword(owner, owner.email);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    if (device !== undefined) Object.assign(device, { clientId: world.clients.custom.id });
    await custom.answer(device === undefined ? NO_CODE : await device.sign(custom.shown));
    noTokens(custom);
  });
});

journey('holds the mailbox: removes the authenticator at passwordless, then signs in at custom by e-mail code', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.unchanged(owner, async () => {
    const signIn = await byMail(owner);
    const { own } = await world.factorsOf(owner);
    await world.call(signIn, 'DELETE', `/mfa/authenticators/${own.authenticators[0]}`);
    owner.password = await world.resetPassword(owner, owner.email);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answerByMessage('email', owner.email);
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: brings a phone of their own by Cognito’s calls, resets the password, signs in at custom by text message', async () => {
  const owner = await world.newUserWithAuthenticator();
  const { AccessToken } = (await byMail(owner)).tokens;
  const phone = '+12025550999';
  const box = await world.mailbox(phone);
  const UserAttributes = [{ Name: 'phone_number', Value: phone }];
  await world.cognito('UpdateUserAttributes', { AccessToken, UserAttributes });
  await world.cognito('GetUserAttributeVerificationCode', { AccessToken, AttributeName: 'phone_number' });
  await world.cognito('VerifyUserAttribute', { AccessToken, AttributeName: 'phone_number', Code: await box.nextCode() });
  owner.password = await world.resetPassword(owner, owner.email);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answerByMessage('sms', phone);
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: resets the password, asks a recovery for a code by e-mail where that is closed', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const body = { username: owner.name, password: owner.password };
    const { secret } = await (await world.cloud.api('/recovery', { method: 'POST', body })).json();
    const mail = await world.cloud.api('/recovery/email', { method: 'POST', token: secret, body: {} });
    assert.ok(mail.status >= 400);
  });
  await world.signInAsOwner(owner);
});

journey('holds the mailbox of before: the owner has moved to another address', async () => {
  const owner = await world.newUserWithAuthenticator();
  const old = owner.email;
  const moved = newAddress();
  const UserAttributes = [{ Name: 'email', Value: moved }, { Name: 'email_verified', Value: 'true' }];
  await world.cognito('AdminUpdateUserAttributes', { ...world.pool, Username: owner.userName, UserAttributes });
  Object.assign(owner, { name: moved, email: moved });
  const before = (await world.cloud.messages(old)).filter(({ code }) => code !== undefined).length;
  await world.unchanged(owner, async () => {
    await world.resetPassword(owner, moved);
    const signIn = await world.signIn('passwordless', owner);
    await signIn.code('email', moved);
    noTokens(signIn);
    noTokens(await world.signIn('passwordless', { name: old }));
  });
  const codes = (await world.cloud.messages(old)).filter(({ code }) => code !== undefined);
  assert.equal(codes.length, before, 'no code goes to the old mailbox');
});

journey('holds the phone: signs in at passwordless by text message, which is one proof, and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator({ phone: true });
  const signIn = await world.signIn('passwordless', owner);
  await signIn.answerByMessage('sms', owner.phone);
  await world.everyChangeRefused(owner, signIn);
  oneProof(signIn);
  await world.signInAsOwner(owner);
});

journey('holds the phone: asks for a new password, whose code goes by e-mail', async () => {
  const owner = await world.newUserBySms();
  const before = (await world.cloud.messages(owner.phone)).length;
  const ClientId = world.clients.native.id;
  const box = await world.mailbox(owner.email);
  await world.cognito('ForgotPassword', { ClientId, Username: owner.name });
  assert.ok(await box.nextCode(), 'by e-mail');
  assert.equal((await world.cloud.messages(owner.phone)).length, before);
  const custom = await world.signIn('custom', owner);
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds mailbox and phone: resets the password of a user who has an authenticator, signs in by text message', async () => {
  const owner = await world.newUserWithAuthenticator({ phone: true });
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answerByMessage('sms', owner.phone);
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the mailbox: resets the password while the owner’s sign-in waits for its code', async () => {
  const owner = await world.newUserWithAuthenticator();
  const waiting = await world.signIn('custom', owner, { password: owner.password });
  owner.password = await world.resetPassword(owner, owner.email);
  // The earlier session, with a code from the mailbox.
  await waiting.answerByMessage('email', owner.email);
  noTokens(waiting);
  await world.signInAsOwner(owner);
});

journey('holds mailbox and phone: the owner has turned codes by message off', async () => {
  const owner = await world.newUserWithAuthenticator({ phone: true });
  const { status } = await world.call(owner.signIn, 'PUT', '/mfa/message-codes', { email: 'off', sms: 'off' });
  assert.ok(status < 300, `the owner turns them off: ${status}`);
  await world.unchanged(owner, async () => {
    for (const [factor, address] of [['email', owner.email], ['sms', owner.phone]]) {
      const passwordless = await world.signIn('passwordless', owner);
      await passwordless.answer(factor);
      noTokens(passwordless);
      const custom = await world.signIn('custom', owner, { password: owner.password });
      await custom.answerByMessage(factor, address);
      noTokens(custom);
      await world.laterOn(owner);
    }
  });
  await world.signInAsOwner(owner);
});
