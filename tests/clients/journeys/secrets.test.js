// Shows what codes and seeds give access to after they were seen, printed or used.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';

import { Authenticator } from '../harness/authenticator.js';
import { storedFactors, storedText } from '../harness/factors.js';
import { journey, noTokens, oneProof, unusedCode, worldOf } from './harness/world.js';

const world = worldOf();

journey('holds the password and an old recovery code: the owner has made new ones', async () => {
  const owner = await world.newUserWithAuthenticator();
  const [old] = owner.recoveryCodes;
  owner.recoveryCodes = await world.mintRecoveryCodes(owner.signIn);
  assert.ok(!owner.recoveryCodes.includes(old));
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer(old);
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds the password and a used recovery code: uses it again', async () => {
  const owner = await world.newUserWithAuthenticator();
  const used = owner.recoveryCodes.at(-1);
  await world.signInAsOwner(owner);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer(used);
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds a recovery code without the password: signs in at custom', async () => {
  const owner = await world.newUserWithAuthenticator();
  const custom = await world.signIn('custom', owner);
  await custom.answer(owner.recoveryCodes[0]);
  noTokens(custom);
});

journey('holds a recovery code without the password: signs in at passwordless, and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const signIn = await world.signIn('passwordless', owner);
  await signIn.answer(owner.recoveryCodes.pop());
  await world.everyChangeRefused(owner, signIn);
  if (signIn.tokens !== undefined) oneProof(signIn);
  await world.signInAsOwner(owner);
});

journey('holds a recovery code without the password: opens a recovery with it', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  const body = { username: owner.name, password: 'Guessed-Horse-1' };
  await world.unchanged(owner, async () => {
    const { secret } = await (await world.cloud.api('/recovery', { method: 'POST', body })).json();
    const code = { code: owner.recoveryCodes[0] };
    const answer = await world.cloud.api('/recovery/code', { method: 'POST', token: secret, body: code });
    assert.ok(answer.status >= 400);
  });
  await world.signInAsOwner(owner);
});

journey('holds an old recovery code and the mailbox: resets the password, then signs in at custom', async () => {
  const owner = await world.newUserWithAuthenticator();
  const [old] = owner.recoveryCodes;
  owner.recoveryCodes = await world.mintRecoveryCodes(owner.signIn);
  owner.password = await world.resetPassword(owner, owner.email);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer(old);
  await custom.answerByMessage('email', owner.email);
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds a seed seen once, without the password: signs in at passwordless, and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const signIn = await world.signIn('passwordless', owner);
  await signIn.answer(owner.app.next());
  await world.everyChangeRefused(owner, signIn);
  if (signIn.tokens !== undefined) oneProof(signIn);
});

journey('holds a seed seen once, without the password: adds an authenticator of their own at passwordless', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.unchanged(owner, async () => {
    const signIn = await world.signIn('passwordless', owner);
    await signIn.answer(owner.app.next());
    assert.equal(await world.addAuthenticator(signIn, owner.app), undefined);
  });
});

journey('holds the password and a seed seen once: the owner has removed that authenticator', async () => {
  const owner = await world.newUserWithAuthenticator();
  const seen = owner.app;
  const { own } = await world.factorsOf(owner);
  owner.app = await world.addAuthenticator(owner.signIn, seen);
  assert.ok(owner.app);
  const { status } = await world.call(owner.signIn, 'DELETE', `/mfa/authenticators/${own.authenticators[0]}`);
  assert.ok(status < 300, `${status}`);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  seen.follow(owner.app);
  await custom.answer(await unusedCode(seen));
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds the password and the seed of a set-up that the owner never finished', async () => {
  const owner = await world.newUserWithAuthenticator();
  const { body } = await world.call(owner.signIn, 'POST', '/mfa/authenticators', { name: 'Second' });
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer(await unusedCode(new Authenticator(body.secret, owner.app)));
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds the password and a code that the owner has just entered', async () => {
  const owner = await world.newUserWithAuthenticator();
  const signIn = await world.signIn('custom', owner, { password: owner.password });
  const code = await unusedCode(owner.app);
  await signIn.answer(code);
  assert.ok(signIn.tokens);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer(code);
  noTokens(custom);
});

journey('holds the password and a code of a text message: enters it in a sign-in of their own', async () => {
  const owner = await world.newUserBySms();
  const honest = await world.signIn('custom', owner, { password: owner.password });
  const code = await honest.code('sms', owner.phone);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer('sms');
  await custom.answer(code);
  noTokens(custom);
  await honest.answer(code);
  assert.ok(honest.tokens, 'the owner’s own sign-in takes it');
});

journey('holds the password and the code of a text message that another has replaced', async () => {
  const owner = await world.newUserBySms();
  const custom = await world.signIn('custom', owner, { password: owner.password });
  const old = await custom.code('sms', owner.phone);
  await setTimeout(1_100);
  const box = await world.mailbox(owner.phone);
  await custom.answer('RESEND');
  const code = await box.nextCode();
  if (code !== old) await custom.answer(old);
  noTokens(custom);
  await custom.answer(code);
  assert.ok(custom.tokens, 'the newest is taken');
});

journey('holds the old password and a code of the authenticator: the owner has set a new password', async () => {
  const owner = await world.newUserWithAuthenticator();
  const old = owner.password;
  owner.password = await world.resetPassword(owner, owner.email);
  const custom = await world.signIn('custom', owner, { password: old });
  await custom.answer(owner.app.next());
  noTokens(custom);
  assert.equal(custom.challenge, undefined);
  await world.signInAsOwner(owner);
});

journey('holds the password and reads the table: looks for seeds and recovery codes', async () => {
  const owner = await world.newUserWithAuthenticator();
  const text = await storedText(world.cloud);
  for (const code of owner.recoveryCodes) {
    assert.ok(!text.includes(code) && !text.includes(code.replaceAll('-', '')), 'no recovery code');
  }
  const stored = await storedFactors(world.cloud, owner.sub);
  assert.equal(stored.recovery.SS.length, 10);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  for (const kept of stored.recovery.SS.slice(0, 4)) await custom.answer(kept);
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds the password and reads the table: looks for the code that is on its way', async () => {
  const owner = await world.newUserBySms();
  const custom = await world.signIn('custom', owner, { password: owner.password });
  const code = await custom.code('sms', owner.phone);
  const words = (await storedText(world.cloud)).split(/[^0-9A-Za-z]+/);
  assert.ok(!words.includes(code), 'the code is in its message only');
  await custom.answer(code);
  assert.ok(custom.tokens);
});
