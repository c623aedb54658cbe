// Shows what the password alone gives access to, in a pool with optional MFA.
import assert from 'node:assert/strict';

import { Device } from '../harness/device.js';
import {
  GROUP_OF_TWO_FACTORS, NO_CODE, NEW_PASSWORD, journey, noTokens, worldOf,
} from './harness/world.js';

const world = worldOf();

/** Enters wrong codes of the owner's authenticator after the password, five per sign-in. */
async function guess(owner, signIns) {
  for (let count = 0; count < signIns; count += 1) {
    const custom = await world.signIn('custom', owner, { password: owner.password });
    for (let wrong = 0; wrong < 5; wrong += 1) await custom.answer(owner.app.wrong());
    noTokens(custom);
    await world.laterOn(owner);
  }
}

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

journey('holds the password: adds an authenticator at native, then signs in at custom', async () => {
  const owner = await world.newUser();
  await world.unchanged(owner, async () => {
    const native = await world.signIn('native', owner, { password: owner.password });
    const app = await world.addAuthenticator(native);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(app?.next() ?? '000000');
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the password: tries every change of factors with a token of native', async () => {
  const owner = await world.newUserBySms();
  const native = await world.signIn('native', owner, { password: owner.password });
  await world.everyChangeRefused(owner, native);
  await world.signInAsOwner(owner);
});

journey('holds the password: signs in at native as a user of custom who has an authenticator', async () => {
  const owner = await world.newUserWithAuthenticator();
  noTokens(await world.signIn('native', owner, { password: owner.password }));
  await world.signInAsOwner(owner);
});

journey('holds the password: signs in at native as a user of custom who gets text messages', async () => {
  const owner = await world.newUserBySms();
  noTokens(await world.signIn('native', owner, { password: owner.password }));
  await world.signInAsOwner(owner);
});

journey('holds the password: signs in at native as a user who has nothing left but recovery codes', async () => {
  const owner = await world.newUserWithAuthenticator();
  const { own } = await world.factorsOf(owner);
  const { status } = await world.call(owner.signIn, 'DELETE', `/mfa/authenticators/${own.authenticators[0]}`);
  assert.ok(status < 300, `${status}`);
  noTokens(await world.signIn('native', owner, { password: owner.password }));
  await world.signInAsOwner(owner);
});

journey('holds the password: turns on a factor at Cognito, signs in with it thrice, mints recovery codes', async () => {
  const owner = await world.newUser({ phone: true });
  const { own } = await world.factorsOf(owner);
  let native = await world.signIn('native', owner, { password: owner.password });
  const app = await world.setUpPoolAuthenticator(native);
  for (let again = 0; again < 2; again += 1) {
    native = await world.signIn('native', owner, { password: owner.password });
    if (app !== undefined) await native.answer(app.next());
  }
  // Text messages are the owner's factor at custom. A proof at native does not affect the factors of custom.
  const [code = NO_CODE] = await world.mintRecoveryCodes(native);
  const after = (await world.factorsOf(owner)).own;
  // No custom client covers this owner yet, so the codes are made. At custom they are no factor.
  assert.deepEqual(after.authenticators, own.authenticators);
  assert.deepEqual(after.devices, own.devices);
  assert.equal(after.recoveryCodes.length, 10);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer(code);
  noTokens(custom);
});

journey('holds the password: sets up a factor at Cognito in the sign-in, then mints recovery codes with it', async () => {
  const owner = await world.newUser();
  const { own } = await world.factorsOf(owner);
  const native = await world.signIn('native', owner, { password: owner.password });
  await world.setUpPoolAuthenticator(native);
  assert.deepEqual(await world.mintRecoveryCodes(native), []);
  assert.equal(await world.addAuthenticator(native), undefined);
  assert.deepEqual((await world.factorsOf(owner)).own, own);
});

journey('holds the password: trusts a device at native minutes after the owner has entered a code', async () => {
  const owner = await world.newUserBySms();
  await world.unchanged(owner, async () => {
    const native = await world.signIn('native', owner, { password: owner.password });
    const device = await world.trustDevice(native);
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(device === undefined ? NO_CODE : await device.sign(custom.shown));
    noTokens(custom);
  });
  await world.signInAsOwner(owner);
});

journey('holds the password of a member of a group of two factors: mints both at native', async () => {
  const owner = await world.newUser({ groups: [GROUP_OF_TWO_FACTORS] });
  await world.unchanged(owner, async () => {
    const native = await world.signIn('native', owner, { password: owner.password });
    const codes = await world.mintRecoveryCodes(native);
    const app = await world.addAuthenticator(native);
    // A new group membership takes effect from the second sign-in on.
    for (let again = 0; again < 2; again += 1) {
      const custom = await world.signIn('custom', owner, { password: owner.password });
      await custom.answer(codes.pop() ?? NO_CODE);
      await custom.answer(app?.next() ?? '000000');
      noTokens(custom);
    }
  });
});

journey('holds the password: asks for every factor at custom, and has none', async () => {
  const owner = await world.newUserWithAuthenticator({ phone: true });
  await world.unchanged(owner, async () => {
    for (const factor of ['totp', 'recovery-code', 'trusted-device', 'email', 'sms', 'enrol']) {
      const custom = await world.signIn('custom', owner, { password: owner.password });
      await custom.answer(factor);
      assert.equal(custom.shown.secret, undefined, `${factor} shows no secret`);
      for (const wrong of [owner.app.wrong(), NO_CODE, '{"device":"0","signature":"AA"}']) await custom.answer(wrong);
      noTokens(custom);
      await world.laterOn(owner);
    }
  });
  await world.signInAsOwner(owner);
});

journey('holds the password: asks for an enrolment before the owner ever had a factor', async () => {
  const owner = await world.newUser();
  await world.unchanged(owner, async () => {
    for (const answers of [['enrol', '000000'], ['totp', '000000'], ['email', 'enrol', '000000']]) {
      const custom = await world.signIn('custom', owner, { password: owner.password });
      for (const answer of answers) {
        await custom.answer(answer);
        assert.notEqual(custom.step, 'enrol');
        assert.equal(custom.shown.secret, undefined, 'no secret before the code that was mailed');
      }
      noTokens(custom);
      await world.laterOn(owner);
    }
  });
  await world.signInAsOwner(owner);
});

journey('holds the password: takes flows that custom does not sign in by', async () => {
  const owner = await world.newUserWithAuthenticator();
  const { custom } = world.clients;
  for (const flow of ['USER_PASSWORD_AUTH', 'USER_SRP_AUTH', 'USER_AUTH', 'ADMIN_USER_PASSWORD_AUTH']) {
    await assert.rejects(
      world.cognito('InitiateAuth', {
        AuthFlow: flow,
        ClientId: custom.id,
        AuthParameters: { USERNAME: owner.name, PASSWORD: owner.password, SRP_A: 'f'.repeat(512) },
      }),
      { name: /^(InvalidParameter|UnsupportedOperation|NotAuthorized)Exception$/ },
      flow,
    );
  }
  await world.signInAsOwner(owner);
});

journey('holds the password: takes the flows of custom at native', async () => {
  const owner = await world.newUserWithAuthenticator();
  const AuthParameters = { USERNAME: owner.name };
  const start = { AuthFlow: 'CUSTOM_AUTH', ClientId: world.clients.native.id, AuthParameters };
  await assert.rejects(world.cognito('InitiateAuth', start), { name: 'InvalidParameterException' });
});

journey('holds the password: leaves the password out at custom', async () => {
  const owner = await world.newUserWithAuthenticator();
  const custom = await world.signIn('custom', owner);
  await custom.answer(owner.app.next());
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds the password: answers in the session of an account of their own', async () => {
  const [owner, own] = [await world.newUserWithAuthenticator(), await world.newUserWithAuthenticator()];
  const custom = await world.signIn('custom', owner, { password: owner.password });
  const right = await world.signIn('custom', own, { password: own.password });
  custom.steal(right);
  await custom.answer(own.app.next());
  noTokens(custom);
  // In the other direction: the attacker's own code in the owner's session.
  const other = await world.signIn('custom', owner, { password: owner.password });
  await other.answer(own.recoveryCodes[0]);
  noTokens(other);
  await world.signInAsOwner(owner);
});

journey('holds the password: takes every challenge slot for sign-ins so that the owner has none', async () => {
  const owner = await world.newUserWithAuthenticator();
  const held = [];
  for (let slot = 0; slot < 6; slot += 1) {
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(owner.app.wrong());
    held.push(custom);
  }
  const signIn = await world.signInAsOwner(owner);
  assert.equal(signIn.claims.client_id, world.clients.custom.id);
  held.forEach(noTokens);
});

journey('holds the password: guesses codes until the factor is off, which support and a new set-up turn on', async () => {
  const [owner, helper] = [await world.newUserWithAuthenticator(), await world.newHelper()];
  await guess(owner, 20);
  await world.administrationDone(helper.signIn, 'mfa-reset', owner.name);
  world.lose(owner);
  await world.firstSignIn(owner);
  const signIn = await world.signInByAuthenticator(owner);
  assert.ok(signIn.claims.mfa_methods.includes('totp'), 'the new factor is on');
});

journey('holds the password: guesses codes until the factor is off, and the owner turns it on by a recovery code', async () => {
  const owner = await world.newUserWithAuthenticator();
  await guess(owner, 20);
  const during = await world.signIn('custom', owner, { password: owner.password });
  assert.ok(!during.factors.includes('totp'), 'the factor is off');
  await world.signInAsOwner(owner);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  assert.ok(custom.factors.includes('totp'), 'the factor is on again');
});

journey('holds the password: signs in at native with a factor of the pool on', async () => {
  const owner = await world.newUserWithPoolAuthenticator();
  await world.unchanged(owner, async () => {
    const native = await world.signIn('native', owner, { password: owner.password });
    assert.equal(native.challenge, 'SOFTWARE_TOKEN_MFA');
    await native.answer(owner.poolApp.wrong());
    noTokens(native);
    await assert.rejects(world.cognito('AssociateSoftwareToken', { Session: native.session }), {
      name: 'NotAuthorizedException',
    });
    const custom = await world.signIn('custom', owner, { password: owner.password });
    await custom.answer(owner.poolApp.wrong());
    noTokens(custom);
  });
});

journey('holds the password: opens a recovery and guesses its code', async () => {
  const owner = await world.newUserWithBothAuthenticators();
  await world.unchanged(owner, async () => {
    const begin = { username: owner.name, password: owner.password };
    const opened = await world.cloud.api('/recovery', { method: 'POST', body: begin });
    const { secret } = await opened.json();
    for (const [path, body] of [
      ['/recovery/code', { code: NO_CODE }],
      ['/recovery/password', { oldPassword: owner.password, password: NEW_PASSWORD }],
    ]) {
      const answer = await world.cloud.api(path, { method: 'POST', token: secret, body });
      assert.ok(answer.status >= 400, path);
    }
    noTokens(await world.signIn('native', owner, { password: NEW_PASSWORD }));
  });
  await world.signInAsOwner(owner);
});

journey('holds the password: signs with a trusted device of their own account', async () => {
  const [owner, own] = [await world.newUserWithAuthenticator(), await world.newUserWithAuthenticator()];
  const device = await world.trustDevice(own.signIn);
  assert.ok(device, 'after a proven sign-in');
  const custom = await world.signIn('custom', owner, { password: owner.password });
  await custom.answer(await device.sign(custom.shown));
  noTokens(custom);
  const claimed = Object.assign(await Device.make(), { id: device.id, sub: owner.sub, clientId: device.clientId });
  await custom.answer(await claimed.sign(custom.shown));
  noTokens(custom);
  await world.signInAsOwner(owner);
});

journey('holds password and mailbox: clears the count of wrong codes by a sign-in at passwordless', async () => {
  const owner = await world.newUserWithAuthenticator();
  await guess(owner, 19);
  const weak = await world.signIn('passwordless', owner);
  await weak.answerByMessage('email', owner.email);
  assert.ok(weak.tokens, 'one proof is enough there');
  await guess(owner, 2);
  const custom = await world.signIn('custom', owner, { password: owner.password });
  assert.ok(!custom.factors.includes('totp'), 'a hundred wrong codes in a row');
  await world.signInAsOwner(owner);
});
