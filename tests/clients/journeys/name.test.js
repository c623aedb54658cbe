// Shows what a name alone gives access to.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';

import { newAddress } from '../harness/user.js';
import { NO_CODE, NEW_PASSWORD, journey, noTokens, unusedCode, worldOf } from './harness/world.js';

const world = worldOf();

// docs/security/assurance.md, "Guessing".
const WRONG_BY_NAME = 16;

/** Enters wrong codes, five per sign-in, as fast as the world permits, and then a right one. */
async function guessAtPasswordless(owner, signIns) {
  for (let count = 0; count < signIns; count += 1) {
    const guessing = await world.signIn('passwordless', owner);
    await guessing.answer('totp');
    for (let tries = 0; tries < 5; tries += 1) await guessing.answer(owner.app.wrong());
    noTokens(guessing);
    await world.laterOn(owner);
    await setTimeout(1_100);
  }
  const lucky = await world.signIn('passwordless', owner);
  await lucky.answer('totp');
  return lucky.answer(owner.app.next());
}

journey('knows the name: guesses codes of the authenticator at passwordless, and is right at last', async () => {
  const [owner, other] = [await world.newUserWithAuthenticator(), await world.newUserWithAuthenticator()];
  assert.ok((await guessAtPasswordless(other, 2)).tokens, 'after ten wrong codes a right one is a sign-in');
  noTokens(await guessAtPasswordless(owner, Math.ceil(WRONG_BY_NAME / 5)));
  // The owner still has the factor, but cannot sign in with it alone.
  const custom = await world.signIn('custom', owner, { password: owner.password });
  assert.ok(custom.factors.includes('totp'));
  await world.signInAsOwner(owner);
  await world.laterOn(owner);
  const byMail = await world.signIn('passwordless', owner);
  await byMail.answerByMessage('email', owner.email);
  assert.ok(byMail.tokens, 'the owner signs in by e-mail code');
});

journey('knows the name: is compared with one authenticator only, the one confirmed last', async () => {
  const owner = await world.newUserWithAuthenticator();
  const first = owner.app;
  // The table stores when an authenticator was made in whole seconds.
  await setTimeout(1_100);
  const second = await world.addAuthenticator(owner.signIn, first);
  assert.ok(second, 'after a proven sign-in');
  const guessing = await world.signIn('passwordless', owner);
  await guessing.answer('totp');
  first.follow(second);
  await guessing.answer(await unusedCode(first));
  noTokens(guessing);
});

journey('knows the name: begins at custom without the password', async () => {
  const owner = await world.newUserWithAuthenticator();
  const custom = await world.signIn('custom', owner);
  noTokens(custom);
  assert.equal(custom.challenge, undefined);
});

journey('knows the name: takes every challenge slot at passwordless so that the owner with the password has none', async () => {
  const owner = await world.newUserWithAuthenticator();
  const held = [];
  for (let slot = 0; slot < 6; slot += 1) {
    const guessing = await world.signIn('passwordless', owner);
    await guessing.answer('totp');
    await guessing.answer(owner.app.wrong());
    held.push(guessing);
  }
  await world.signInAsOwner(owner);
  held.forEach(noTokens);
});

journey('knows the name: guesses the code that was mailed to the owner', async () => {
  const owner = await world.newUser();
  const guessing = await world.signIn('passwordless', owner);
  const code = await guessing.code('email', owner.email);
  for (let tries = 1; tries <= 5; tries += 1) {
    await guessing.answer(String((Number(code) + tries) % 1_000_000).padStart(6, '0'));
  }
  assert.equal(guessing.challenge, undefined, 'five wrong codes are the end');
  noTokens(guessing);
});

journey('knows the name: has a secret shown by asking passwordless for an enrolment', async () => {
  const owner = await world.newUser();
  await world.unchanged(owner, async () => {
    const guessing = await world.signIn('passwordless', owner);
    for (const answer of ['enrol', 'totp', '000000', '{"step":"enrol"}']) {
      await guessing.answer(answer);
      assert.equal(guessing.shown.secret, undefined, answer);
    }
    noTokens(guessing);
  });
});

journey('knows the name: asks for a new password, whose code the owner gets', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.unchanged(owner, async () => {
    const ClientId = world.clients.native.id;
    const box = await world.mailbox(owner.email);
    await world.cognito('ForgotPassword', { ClientId, Username: owner.name });
    const code = await box.nextCode();
    const ConfirmationCode = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    const guess = { ClientId, Username: owner.name, ConfirmationCode, Password: NEW_PASSWORD };
    await assert.rejects(world.cognito('ConfirmForgotPassword', guess), { name: 'CodeMismatchException' });
    noTokens(await world.signIn('native', owner, { password: NEW_PASSWORD }));
  });
  await world.signInAsOwner(owner);
});

journey('knows the name: opens recoveries with guessed passwords', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  await world.unchanged(owner, async () => {
    for (let tries = 0; tries < 6; tries += 1) {
      const body = { username: owner.name, password: `Guessed-Horse-${tries}` };
      const { secret } = await (await world.cloud.api('/recovery', { method: 'POST', body })).json();
      const code = { code: NO_CODE };
      const answer = await world.cloud.api('/recovery/code', { method: 'POST', token: secret, body: code });
      assert.ok(answer.status >= 400);
    }
  });
  // Cognito's own back-off after wrong passwords begins with one second.
  await setTimeout(2_100);
  await world.signInAsOwner(owner);
});

journey('knows the name: signs up with it once more', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.unchanged(owner, async () => {
    const again = {
      ClientId: world.clients.native.id,
      Username: owner.name,
      Password: NEW_PASSWORD,
      UserAttributes: [{ Name: 'email', Value: owner.email }],
    };
    await assert.rejects(world.cognito('SignUp', again), { name: 'UsernameExistsException' });
    noTokens(await world.signIn('native', owner, { password: NEW_PASSWORD }));
  });
  await world.signInAsOwner(owner);
});

journey('knows a name that is no user’s: plays a sign-in to its end', async () => {
  const stranger = { name: newAddress() };
  for (const answers of [['email', '123456'], ['totp', '123456'], [NO_CODE], ['enrol', '123456']]) {
    const guessing = await world.signIn('passwordless', stranger);
    for (const answer of answers) await guessing.answer(answer);
    assert.equal(guessing.shown.secret, undefined);
    noTokens(guessing);
  }
});
