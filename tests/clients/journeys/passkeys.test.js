// Shows what passwords, mailboxes, tokens and recorded answers give access to where owners have passkeys of custom
// challenges. `passwordless` begins with any factor.
import assert from 'node:assert/strict';

import { newPasskeys, ORIGIN } from './harness/passkey.js';
import { journey, noTokens, worldOf } from './harness/world.js';

const KINDS = 'factor_kinds = ["email", "sms", "totp", "recovery-code", "passkey"]';
const world = worldOf({
  passwordless: `factors = 2\n${KINDS}`,
  policy: `
[passkeys]
relying_party_id = "localhost"
origins = ["${ORIGIN}"]
[custom_auth.clients.custom]
${KINDS}
`,
});

/** Creates an owner with an authenticator and a passkey. */
async function newOwner() {
  const owner = await world.newUserWithAuthenticator();
  owner.passkeys = newPasskeys();
  owner.credential = await register(owner.signIn, owner.passkeys);
  assert.ok(owner.credential, 'the owner registers a passkey');
  return owner;
}

/** Registers a passkey, unless the request is refused. */
async function register(signIn, device) {
  const { body } = await world.call(signIn, 'POST', '/mfa/passkeys', { name: 'Laptop' });
  if (body.publicKey === undefined) return undefined;
  const credential = device.createJSON(ORIGIN, body.publicKey);
  const { status } = await world.call(signIn, 'POST', '/mfa/passkeys/verify', { credential });
  return status === 201 ? credential.id : undefined;
}

/** Answers as a page of `origin` does, with one credential of the device. */
function answerOf(device, id, shown, origin = ORIGIN) {
  const allowCredentials = [{ type: 'public-key', id }];
  const credential = device.getJSON(origin, { ...JSON.parse(shown.publicKey), allowCredentials });
  assert.equal(credential.id, id);
  return JSON.stringify(credential);
}

/** Begins a sign-in that asks for a passkey. */
async function asked(client, owner, proofs) {
  const signIn = await world.signIn(client, owner, proofs);
  await signIn.answer('passkey');
  return signIn;
}

/** The owner signs in with the passkey. It must work. */
async function owns(owner) {
  const signIn = await asked('custom', owner, { password: owner.password });
  await signIn.answer(answerOf(owner.passkeys, owner.credential, signIn.shown));
  assert.ok(signIn.tokens, `the owner signs in by passkey: ${signIn.refusal ?? signIn.step}`);
  assert.equal(signIn.claims.mfa_level, '3');
  return signIn;
}

journey('holds the password: signs in at custom with a passkey of their own', async () => {
  const owner = await newOwner();
  const thief = await newOwner();
  await world.unchanged(owner, async () => {
    const signIn = await asked('custom', owner, { password: owner.password });
    await signIn.answer(answerOf(thief.passkeys, thief.credential, signIn.shown));
    noTokens(signIn);
  });
  await owns(owner);
});

journey('knows the name: signs in at passwordless with a passkey of their own', async () => {
  const owner = await newOwner();
  const thief = await newOwner();
  await world.unchanged(owner, async () => {
    const signIn = await asked('passwordless', owner);
    assert.deepEqual(JSON.parse(signIn.shown.publicKey).allowCredentials ?? [], [], 'a name tells no passkey');
    await signIn.answer(answerOf(thief.passkeys, thief.credential, signIn.shown));
    noTokens(signIn);
  });
  await owns(owner);
});

journey('holds the password and a recorded answer: sends it in a sign-in of their own', async () => {
  const owner = await newOwner();
  const recorded = await asked('custom', owner, { password: owner.password });
  const answer = answerOf(owner.passkeys, owner.credential, recorded.shown);
  await world.unchanged(owner, async () => {
    const signIn = await asked('custom', owner, { password: owner.password });
    await signIn.answer(answer);
    noTokens(signIn);
    // The same challenge again, in the round after it.
    await recorded.answer(answerOf(owner.passkeys, owner.credential, recorded.shown, 'http://localhost:3001'));
    await recorded.answer(answer);
    noTokens(recorded);
  });
  await owns(owner);
});

journey('runs a page of another origin: gets an answer of the owner for it', async () => {
  const owner = await newOwner();
  await world.unchanged(owner, async () => {
    for (const origin of ['http://localhost:3001', 'https://localhost:3000']) {
      const signIn = await asked('custom', owner, { password: owner.password });
      await signIn.answer(answerOf(owner.passkeys, owner.credential, signIn.shown, origin));
      noTokens(signIn);
    }
  });
  await owns(owner);
});

journey('holds a token of the first sign-in: registers a passkey', async () => {
  const owner = await world.newUser();
  await world.firstSignIn(owner);
  await world.unchanged(owner, async () => {
    assert.equal(await register(owner.signIn, newPasskeys()), undefined);
  });
});

journey('holds the mailbox: resets the password, signs in at custom beside the passkey', async () => {
  const owner = await newOwner();
  await world.unchanged(owner, async () => {
    owner.password = await world.resetPassword(owner, owner.email);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    assert.ok(!custom.factors.includes('email'), `${custom.factors}`);
    await custom.answerByMessage('email', owner.email);
    noTokens(custom);
  });
  await owns(owner);
});

journey('holds a lost device: signs in after an administrator reset the factors', async () => {
  const owner = await newOwner();
  const helper = await world.newHelper();
  const running = await asked('custom', owner, { password: owner.password });
  await world.administrationDone(helper.signIn, 'mfa-reset', owner.name);
  const { own } = await world.factorsOf(owner);
  assert.deepEqual(own.passkeys, []);
  await running.answer(answerOf(owner.passkeys, owner.credential, running.shown));
  noTokens(running);
  const signIn = await world.signIn('custom', owner, { password: owner.password });
  assert.ok(!signIn.factors.includes('passkey'), `${signIn.factors}`);
});
