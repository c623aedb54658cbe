// Tests who may sign up and sign in, as apps see it. Every sample of docs/operators/rules refuses and permits. The
// rules see what Amplify v5 and v6 reveal about the app. An address has one account, and attempts are
// delayed.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Amplify } from 'aws-amplify';
import { signIn, signOut, signUp } from 'aws-amplify/auth';
import { Auth } from 'amplify-auth-v5';

import { startCloud, temporaryFolder, workspace } from './harness/cloud.js';
import { PASSWORD as password, newAddress, signUp as confirmed } from './harness/user.js';

const clouds = [];

after(() => Promise.all(clouds.map((cloud) => cloud.stop())));

/** Starts a cloud with an operator's overrides. `rules` may need to know the cloud. */
async function cloudWith({ policy = '', rules = () => ({}), flags = [] }) {
  const folder = temporaryFolder();
  mkdirSync(join(folder.path, 'rules'));
  writeFileSync(join(folder.path, 'policy.toml'), policy);
  const cloud = await startCloud(['--memory', '--config-dir', folder.path, ...flags]);
  cloud.exited.finally(folder.remove);
  clouds.push(cloud);
  // Functions start with their first event.
  for (const [name, text] of Object.entries(rules(cloud))) {
    writeFileSync(join(folder.path, 'rules', `${name}.cedar`), text);
  }
  const { region, userPoolId, clients, cognito } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.native.id, userPoolEndpoint: cognito } },
  });
  Auth.configure({ region, userPoolId, userPoolWebClientId: clients.native.id, endpoint: cognito });
  return cloud;
}

function sample(name) {
  return readFileSync(join(workspace, `docs/operators/rules/${name}.cedar`), 'utf8');
}

function refused(trigger, text) {
  return { name: 'UserLambdaValidationException', message: `${trigger} failed with error ${text}.` };
}

const UNSAID = 'Sign-up is not possible with these details';

function signUpWith(userAttributes, clientMetadata = {}) {
  const username = userAttributes.email ?? userAttributes.phone_number;
  return signUp({ username, password, options: { userAttributes, clientMetadata } });
}

function addressAt(domain) {
  return newAddress().replace('example.com', domain);
}

test('an address that gets no codes: the sign-up is refused', async () => {
  await cloudWith({ flags: ['--sign-in-with', 'phone'] });
  const unusable = refused('PreSignUp', 'We cannot send text messages to this phone number');
  for (const number of ['+493012345678', '+4407400123456', '+881612345678']) {
    await assert.rejects(signUpWith({ phone_number: number }), unusable, number);
  }
  const { nextStep } = await signUpWith({ phone_number: '+12025550123' });
  assert.equal(nextStep.signUpStep, 'CONFIRM_SIGN_UP');
});

test('a new device: its user is told by e-mail, where policy says so', async () => {
  const cloud = await cloudWith({ policy: '[sign_in]\nnew_device_notice = true' });
  const email = await confirmed(cloud);
  const notices = async () => (await cloud.messages(email)).filter(({ text }) => text.includes('from a new device'));
  assert.deepEqual(await notices(), []);
  await signIn({ username: email, password });
  for (let tries = 0; tries < 200 && (await notices()).length === 0; tries += 1) await setTimeout(25);
  assert.equal((await notices()).length, 1);
  await signOut();
});

test('minimum app version: what Amplify v6 says in clientMetadata decides', async () => {
  const cloud = await cloudWith({ rules: () => ({ version: sample('10-minimum-app-version') }) });
  const text = 'Update the app to go on';
  const email = newAddress();
  for (const old of [{}, { appVersion: '2.4.9' }, { appVersion: 'new' }]) {
    await assert.rejects(signUpWith({ email }, old), refused('PreSignUp', text));
  }
  await signUpWith({ email }, { appVersion: '2.5.0' });
  await confirm(cloud, email);
  const signInWith = (clientMetadata) => signIn({ username: email, password, options: { clientMetadata } });
  await assert.rejects(signInWith({ appVersion: '2.4.9' }), refused('PreAuthentication', text));
  await assert.rejects(signIn({ username: email, password }), refused('PreAuthentication', text));
  assert.equal((await signInWith({ appVersion: '2.10' })).nextStep.signInStep, 'DONE');
  await signOut();
});

test('minimum app version: what Amplify v5 says in validationData decides', async () => {
  const cloud = await cloudWith({ rules: () => ({ version: sample('10-minimum-app-version') }) });
  const text = 'Update the app to go on';
  const username = newAddress();
  const signUpV5 = (validationData) =>
    Auth.signUp({ username, password, attributes: { email: username }, validationData });
  const refusal = refused('PreSignUp', text);
  await assert.rejects(signUpV5({ appVersion: '2.4.9' }), refusal);
  await signUpV5({ appVersion: '2.5.0' });
  await confirm(cloud, username);
  const old = Auth.signIn({ username, password, validationData: { appVersion: '2.4.9' } });
  await assert.rejects(old, refused('PreAuthentication', text));
  const user = await Auth.signIn({ username, password, validationData: { appVersion: '3' } });
  assert.equal(user.getSignInUserSession().isValid(), true);
});

for (const { name, permits, refuses, text = UNSAID } of [
  {
    name: '20-allowed-domains',
    permits: () => ({ email: addressAt('mail.example.org') }),
    refuses: () => ({ email: addressAt('example.net') }),
    text: 'Sign up with your work e-mail address',
  },
  {
    name: '21-denied-domains',
    permits: () => ({ email: newAddress() }),
    refuses: () => ({ email: addressAt('Spam.example') }),
  },
  {
    name: '22-disposable-domains',
    permits: () => ({ email: newAddress() }),
    refuses: () => ({ email: addressAt('mailinator.com') }),
    text: 'Sign up with an e-mail address of your own',
  },
  {
    name: '30-blocked-countries',
    permits: () => ({ email: newAddress(), phone_number: '+4915123456789' }),
    refuses: () => ({ email: newAddress(), phone_number: '+963944567890' }),
    text: 'Phone numbers of this country are not accepted',
  },
  {
    name: '60-invited-only',
    permits: () => ({ email: 'Alex@example.com' }),
    refuses: () => ({ email: newAddress() }),
  },
  {
    name: '70-phone-number-required',
    permits: () => ({ email: newAddress(), phone_number: '+4915123456789' }),
    refuses: () => ({ email: newAddress() }),
    text: 'Add a mobile phone number',
  },
]) {
  test(`${name} refuses and permits`, async () => {
    await cloudWith({ rules: () => ({ [name]: sample(name) }) });
    await assert.rejects(signUpWith(refuses()), refused('PreSignUp', text));
    await signUpWith(permits());
  });
}

test('a maintenance window closes sign-up and sign-in', async () => {
  const hour = 3_600_000;
  const window = (from, to) => {
    const stamp = (at) => `${new Date(Date.now() + at).toISOString().slice(0, 19)}Z`;
    return sample('40-maintenance-window')
      .replace('2026-03-01T02:00:00Z', stamp(from))
      .replace('2026-03-01T04:00:00Z', stamp(to));
  };
  const open = await cloudWith({ rules: () => ({ window: window(hour, 2 * hour) }) });
  const email = newAddress();
  await signUpWith({ email });
  await confirm(open, email);
  assert.equal((await signIn({ username: email, password })).nextStep.signInStep, 'DONE');
  await signOut();

  await cloudWith({ rules: () => ({ window: window(-hour, hour) }) });
  const text = 'Closed for maintenance until 04:00 UTC';
  await assert.rejects(signUpWith({ email }), refused('PreSignUp', text));
  // The app client hides which users exist, so the trigger runs for an unknown user too.
  await assert.rejects(signIn({ username: email, password }), refused('PreAuthentication', text));
});

test('a client for a group lets nobody else in', async () => {
  const cloud = await cloudWith({
    rules: ({ endpoints }) => ({
      staff: sample('50-group-only-client').replace('1example23456789exampleab', endpoints.clients.native.id),
    }),
  });
  const { userPoolId: UserPoolId } = cloud.endpoints;
  await cloud.cognito('AddCustomAttributes', {
    UserPoolId,
    CustomAttributes: [{ Name: 'team', AttributeDataType: 'String', Mutable: true }],
  });
  const username = newAddress();
  await signUpWith({ email: username });
  await confirm(cloud, username);
  const outsider = refused('PreAuthentication', 'This app is for staff only');
  await assert.rejects(signIn({ username, password }), outsider);
  const join = (team) =>
    cloud.cognito('AdminUpdateUserAttributes', {
      UserPoolId,
      Username: username,
      UserAttributes: [{ Name: 'custom:team', Value: team }],
    });
  await join('sales');
  await assert.rejects(signIn({ username, password }), outsider);
  await join('support');
  assert.equal((await signIn({ username, password })).nextStep.signInStep, 'DONE');
  await signOut();
});

test('of 100 parallel sign-ups of one address in 8 spellings one makes an account', async () => {
  const cloud = await cloudWith({
    policy: '[sign_up.unique]\nemail = true\nignore_plus_tags = true\n',
    flags: ['--sign-in-with', 'username'],
  });
  const spellings = [
    'alex.doe@gmail.com',
    'Alex.Doe@gmail.com',
    'alexdoe@gmail.com',
    'a.l.e.x.doe@gmail.com',
    'alexdoe@googlemail.com',
    'alexdoe+shop@gmail.com',
    'ALEXDOE+1@GoogleMail.com',
    'ALEX.DOE@GMAIL.COM',
  ];
  const attempt = (Username, Value) =>
    cloud.cognito('SignUp', {
      ClientId: cloud.endpoints.clients.native.id,
      Username,
      Password: password,
      UserAttributes: [{ Name: 'email', Value }],
    });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 100 }, (_, number) => attempt(`user-${number}`, spellings[number % 8])),
  );
  const failures = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
  assert.equal(failures.length, 99);
  const expected = refused('PreSignUp', UNSAID);
  for (const { name, message } of failures) assert.deepEqual({ name, message }, expected);

  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
  // Our senders use the domain in the form in which DNS compares it.
  const address = spellings[winner % 8].replace(/@.*/, (domain) => domain.toLowerCase());
  await confirm(cloud, `user-${winner}`, address);
  await assert.rejects(attempt('late', 'a.lexdoe@gmail.com'), expected);
  await attempt('late', 'sam@gmail.com');
});

test('enforced: after five attempts the next is held off, for a user and for a name of nobody alike', async () => {
  const cloud = await cloudWith({ policy: '[sign_in]\nenforce = true\n' });
  const known = newAddress();
  await signUpWith({ email: known });
  await confirm(cloud, known);
  const held = refused('PreAuthentication', 'Too many attempts. Try again later');
  const wrong = { name: 'NotAuthorizedException', message: 'Incorrect username or password.' };
  const attempt = (USERNAME, PASSWORD) =>
    cloud.cognito('InitiateAuth', {
      AuthFlow: 'USER_PASSWORD_AUTH',
      ClientId: cloud.endpoints.clients.native.id,
      AuthParameters: { USERNAME, PASSWORD },
    });
  for (const username of [known, newAddress()]) {
    // All at once, because the delay of the sixth is counted from the fifth.
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => attempt(username, 'Wrong-Horse-9')),
    );
    const said = outcomes.map(({ reason: { name, message } }) => ({ name, message }));
    const heldOff = said.filter(({ message }) => message === held.message).length;
    assert.ok(heldOff >= 10, `${heldOff} of 20 held off`);
    for (const answer of said) {
      const isOwn = answer.message === 'Password attempts exceeded';
      if (!isOwn) assert.deepEqual(answer, answer.message === held.message ? held : wrong);
    }
  }
});

test('only counted: attempts leave the right password working', async () => {
  const cloud = await cloudWith({});
  const email = newAddress();
  await signUpWith({ email });
  await confirm(cloud, email);
  for (let attempt = 0; attempt < 4; attempt += 1) {
    await assert.rejects(signIn({ username: email, password: 'Wrong-Horse-9' }), {
      name: 'NotAuthorizedException',
    });
  }
  assert.equal((await signIn({ username: email, password })).nextStep.signInStep, 'DONE');
  await signOut();
});

async function confirm(cloud, username, address = username) {
  await cloud.cognito('ConfirmSignUp', {
    ClientId: cloud.endpoints.clients.native.id,
    Username: username,
    ConfirmationCode: await cloud.code(address),
  });
}
