// The access of an attacker while an owner has no factor yet, or has lost the last one.
import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { Authenticator } from '../harness/authenticator.js';
import { NO_CODE, journey, noTokens, oneProof, worldOf } from './harness/world.js';

/** Starts a sign-in at `custom` and brings it to the enrolment. */
async function atEnrolment(world, owner) {
  const signIn = await world.signIn('custom', owner, { password: owner.password });
  await signIn.answerByMessage('email', owner.email);
  assert.equal(signIn.step, 'enrol', `the enrolment: ${signIn.refusal}`);
  const { factor, secret, uri, codeLength } = signIn.shown;
  assert.deepEqual({ factor, codeLength }, { factor: 'totp', codeLength: '6' });
  assert.equal(new URL(uri).searchParams.get('secret'), secret);
  return signIn;
}

describe('where enrolment is part of the sign-in', () => {
  const world = worldOf();

  journey('holds password and mailbox of a user who never had a factor: the sign-in is one proof, the owner is told', async () => {
    const owner = await world.newUser();
    await world.firstSignIn(owner);
    await world.subjects(owner.email, /Authenticator app added/);
    oneProof(owner.signIn);
    await world.everyChangeRefused(owner, owner.signIn);
  });

  journey('holds the secret of one enrolment: enters its code in another', async () => {
    const owner = await world.newUser();
    const seen = await atEnrolment(world, owner);
    const other = await atEnrolment(world, owner);
    await other.answer(new Authenticator(seen.shown.secret).next());
    noTokens(other);
    assert.deepEqual((await world.factorsOf(owner)).own.authenticators, []);
  });

  journey('holds a session of an enrolment: guesses a code, and leaves out the set-up', async () => {
    const owner = await world.newUser();
    const signIn = await atEnrolment(world, owner);
    const app = new Authenticator(signIn.shown.secret);
    for (const answer of ['email', 'BACK', 'RESEND', '', '{}', app.wrong(), app.wrong(), app.wrong(), app.wrong(), app.wrong()]) {
      if (signIn.challenge !== undefined) await signIn.answer(answer);
      noTokens(signIn);
    }
    assert.deepEqual((await world.factorsOf(owner)).own.authenticators, []);
    await world.signInAsOwner(owner);
  });

  journey('holds password and mailbox: asks for an enrolment although the owner has an authenticator', async () => {
    const owner = await world.newUserWithAuthenticator();
    await world.unchanged(owner, async () => {
      const signIn = await world.signIn('custom', owner, { password: owner.password });
      await signIn.answerByMessage('email', owner.email);
      for (const answer of ['enrol', 'totp', NO_CODE]) {
        await signIn.answer(answer);
        assert.notEqual(signIn.step, 'enrol');
        assert.equal(signIn.shown.secret, undefined);
      }
      noTokens(signIn);
    });
    await world.signInAsOwner(owner);
  });

  journey('holds the password: support has just reset the owner’s factors', async () => {
    const [owner, helper] = [await world.newUserWithAuthenticator(), await world.newHelper()];
    await world.administrationDone(helper.signIn, 'mfa-reset', owner.name);
    await world.unchanged(owner, async () => {
      noTokens(await world.signIn('native', owner, { password: owner.password }));
      const custom = await world.signIn('custom', owner, { password: owner.password });
      for (const answer of ['enrol', 'totp', '000000']) {
        await custom.answer(answer);
        assert.equal(custom.shown.secret, undefined);
      }
      noTokens(custom);
    });
    world.lose(owner);
    await world.firstSignIn(owner);
  });

  journey('holds a token of passwordless of a user without a factor: makes recovery codes or trusts a device first', async () => {
    const owner = await world.newUser();
    const stolen = await world.signIn('passwordless', owner);
    await stolen.answerByMessage('email', owner.email);
    assert.ok(stolen.tokens);
    await world.unchanged(owner, async () => {
      assert.deepEqual(await world.mintRecoveryCodes(stolen), []);
      assert.equal(await world.trustDevice(stolen), undefined);
    });
    assert.ok(await world.addAuthenticator(stolen), 'a first authenticator is the owner’s to set up, after a code');
  });

  journey('holds a token of passwordless: sets up a second authenticator after the first', async () => {
    const owner = await world.newUser();
    const stolen = await world.signIn('passwordless', owner);
    await stolen.answerByMessage('email', owner.email);
    assert.ok(await world.addAuthenticator(stolen), 'the first');
    await world.everyChangeRefused(owner, stolen);
  });
});

describe('where enrolment is closed, and weaker factors are kept', () => {
  const world = worldOf({ policy: '[custom_auth.clients.custom]\nenrolment = "closed"\nkeep_weaker = true\n' });

  journey('holds password and mailbox of a user without a factor: signs in at custom', async () => {
    const owner = await world.newUser();
    await world.unchanged(owner, async () => {
      const custom = await world.signIn('custom', owner, { password: owner.password });
      await custom.answerByMessage('email', owner.email);
      noTokens(custom);
      assert.notEqual(custom.step, 'enrol');
    });
  });

  journey('holds the mailbox: resets the password of a user of text messages, proves password and e-mail code', async () => {
    const owner = await world.newUserBySms();
    await world.unchanged(owner, async () => {
      owner.password = await world.resetPassword(owner, owner.email);
      const custom = await world.signIn('custom', owner, { password: owner.password });
      await custom.answerByMessage('email', owner.email);
      noTokens(custom);
    });
    await world.signInAsOwner(owner);
  });
});
