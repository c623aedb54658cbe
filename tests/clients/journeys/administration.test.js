// Shows what gives access to the admin API, and what a member of the administrators' group can't do.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { GROUP_OF_HELPERS, NO_CODE, journey, worldOf } from './harness/world.js';

const world = worldOf();

const ACTIONS = [
  ['find'],
  ['audit'],
  ['mfa-reset'],
  ['preference', { totp: 'DISABLED' }],
  ['phone-number', { phoneNumber: '+12025558888' }],
  ['unlock'],
  ['forget-devices'],
  ['erase'],
];
const CHANGES = ACTIONS.slice(2);

/** Checks that every action on an owner is refused and does nothing. */
async function everyActionRefused(signIn, owner, actions = ACTIONS) {
  await world.unchanged(owner, async () => {
    for (const [action, body] of actions) await world.administrationRefused(signIn, action, owner.name, body);
  });
}

journey('holds an administrator’s mailbox: signs in at passwordless by e-mail code, and looks and resets', async () => {
  const [owner, helper] = [await world.newUserWithAuthenticator(), await world.newHelper()];
  const thief = await world.signIn('passwordless', helper);
  await thief.answerByMessage('email', helper.email);
  await everyActionRefused(thief, owner);
});

journey('holds an administrator’s phone: signs in at passwordless by text message, and looks and resets', async () => {
  const owner = await world.newUserWithAuthenticator();
  const helper = await world.newUserWithAuthenticator({ phone: true, groups: [GROUP_OF_HELPERS] });
  const thief = await world.signIn('passwordless', helper);
  await thief.answerByMessage('sms', helper.phone);
  await everyActionRefused(thief, owner);
});

journey('holds an administrator’s mailbox: resets the password, signs in at custom by e-mail code', async () => {
  const [owner, helper] = [await world.newUserWithAuthenticator(), await world.newHelper()];
  helper.password = await world.resetPassword(helper, helper.email);
  const thief = await world.signIn('custom', helper, { password: helper.password });
  await thief.answerByMessage('email', helper.email);
  await everyActionRefused(thief, owner);
});

journey('holds an administrator’s password: signs in at native', async () => {
  const owner = await world.newUserWithAuthenticator();
  const helper = await world.newUser({ groups: [GROUP_OF_HELPERS] });
  await everyActionRefused(await world.signInNatively(helper), owner);
});

journey('holds an administrator’s password: mints recovery codes at native, signs in at custom', async () => {
  const owner = await world.newUserWithAuthenticator();
  const helper = await world.newUser({ groups: [GROUP_OF_HELPERS] });
  const native = await world.signIn('native', helper, { password: helper.password });
  const [code = NO_CODE] = await world.mintRecoveryCodes(native);
  // Two sign-ins of one minute are not distinguished, and the weaker one counts.
  await setTimeout(62_000);
  const thief = await world.signIn('custom', helper, { password: helper.password });
  await thief.answer(code);
  await everyActionRefused(thief, owner);
});

journey('holds an administrator’s password: sets up a factor at Cognito with the token that is then used', async () => {
  const owner = await world.newUserWithAuthenticator();
  const helper = await world.newUser({ groups: [GROUP_OF_HELPERS] });
  const native = await world.signInNatively(helper);
  await world.setUpPoolAuthenticator(native);
  await everyActionRefused(native, owner);
});

journey('holds an administrator’s password and remembered device: signs in at native', async () => {
  const owner = await world.newUserWithAuthenticator();
  const helper = await world.newUserWithPoolAuthenticator({ groups: [GROUP_OF_HELPERS] });
  const device = await world.rememberDevice(helper.signIn);
  const thief = await world.signIn('native', helper, { password: helper.password, device });
  await thief.proveRememberedDevice(device);
  assert.ok(thief.tokens);
  await everyActionRefused(thief, owner);
});

journey('holds an administrator’s password and trusted device: signs in at custom', async () => {
  const [owner, helper] = [await world.newUserWithAuthenticator(), await world.newHelper()];
  const device = await world.trustDevice(helper.signIn);
  const thief = await world.signIn('custom', helper, { password: helper.password });
  await thief.answer(await device.sign(thief.shown));
  assert.ok(thief.tokens);
  await everyActionRefused(thief, owner);
});

journey('holds a token of an administrator’s first sign-in, in which the factor was only set up', async () => {
  const owner = await world.newUserWithAuthenticator();
  const helper = await world.newUser({ groups: [GROUP_OF_HELPERS] });
  await world.firstSignIn(helper);
  await everyActionRefused(helper.signIn, owner);
});

journey('holds an administrator’s recovery code: signs in at passwordless with it alone', async () => {
  const [owner, helper] = [await world.newUserWithAuthenticator(), await world.newHelper()];
  const thief = await world.signIn('passwordless', helper);
  await thief.answer(helper.recoveryCodes.pop());
  await everyActionRefused(thief, owner);
});

journey('holds a helper’s account: resets the factors of a member of another group', async () => {
  const helper = await world.newHelper();
  const owner = await world.newUserWithAuthenticator({ groups: ['owners'] });
  await everyActionRefused(helper.signIn, owner, CHANGES);
  await world.signInAsOwner(owner);
});

journey('holds a helper’s account: resets the factors of another helper', async () => {
  const [helper, other] = [await world.newHelper(), await world.newHelper()];
  await everyActionRefused(helper.signIn, other, CHANGES);
  await world.signInAsOwner(other);
});

journey('holds a helper’s account: resets the helper’s own factors', async () => {
  const helper = await world.newHelper();
  await everyActionRefused(helper.signIn, helper, CHANGES);
});

journey('holds a helper’s account: looks at an owner’s factors, which the audit trail shows', async () => {
  const [helper, owner] = [await world.newHelper(), await world.newUserWithAuthenticator()];
  await world.administrationDone(helper.signIn, 'find', owner.name);
  const trail = await world.administrationDone(helper.signIn, 'audit', owner.name);
  const looks = trail.lines.filter(({ by }) => by !== undefined);
  assert.ok(looks.length > 0, 'a line for the look');
});

journey('holds a former helper’s token: the group was left after the sign-in', async () => {
  const [helper, owner] = [await world.newHelper(), await world.newUserWithAuthenticator()];
  const left = { ...world.pool, Username: helper.userName, GroupName: GROUP_OF_HELPERS };
  await world.cognito('AdminRemoveUserFromGroup', left);
  await everyActionRefused(helper.signIn, owner);
});

journey('holds an account of no group: calls the admin API after a proven sign-in', async () => {
  const [thief, owner] = [await world.newUserWithAuthenticator(), await world.newUserWithAuthenticator()];
  await everyActionRefused(thief.signIn, owner);
});

for (const ending of ['mfa-reset', 'erase', 'forget-devices']) {
  journey(`holds a user name that is a path to ${ending}: has a helper unlock it`, async () => {
    const [helper, owner] = [await world.newHelper(), await world.newUserWithAuthenticator()];
    const device = await world.trustDevice(owner.signIn);
    assert.ok(device);
    const name = `${owner.sub}/${ending}?x@example.org`;
    await world.newUser({ name });
    await world.unchanged(owner, () => world.administer(helper.signIn, 'unlock', name));
    const inPath = `/admin/users/${encodeURIComponent(name)}/unlock`;
    const { status } = await world.call(helper.signIn, 'POST', inPath, { reason: 'ticket 17' });
    assert.ok([404, 405].includes(status), `the path is none: ${status}`);
    await world.signInAsOwner(owner);
  });
}

for (const [what, spelt] of [
  ['a question mark', ({ userName }) => `${userName}?x`],
  ['a hash', ({ userName }) => `${userName}#x`],
  ['a slash and an action', ({ userName }) => `${userName}/audit`],
  ['an encoded slash', ({ userName }) => `${userName}%2Faudit`],
]) {
  journey(`holds a user name with ${what}: is taken for the owner by a helper’s look`, async () => {
    const [helper, owner] = [await world.newHelper(), await world.newUserWithAuthenticator()];
    const answers = await world.administer(helper.signIn, 'find', spelt(owner));
    for (const { status, body } of answers) {
      assert.ok([404, 405].includes(status), `${status} ${JSON.stringify(body)}`);
    }
    const found = await world.administrationDone(helper.signIn, 'find', owner.name);
    assert.equal(found.sub, owner.sub, 'the owner is found by the name');
  });
}

describe('where a group is named that may be helped', () => {
  const world = worldOf({ admin: 'helped_groups = ["two-factors"]' });

  journey('holds a helper’s account: helps a member of that group, and of no other', async () => {
    const helper = await world.newHelper();
    const owner = await world.newUserWithAuthenticator({ groups: ['owners'] });
    await world.unchanged(owner, () => world.administrationRefused(helper.signIn, 'mfa-reset', owner.name));
    const both = await world.newUser({ groups: ['two-factors', 'owners'] });
    await world.administrationRefused(helper.signIn, 'mfa-reset', both.name);
    const helped = await world.newUser({ groups: ['two-factors'] });
    await world.administrationDone(helper.signIn, 'mfa-reset', helped.name);
  });
});
